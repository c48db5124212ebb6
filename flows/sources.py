"""The sources that can be built from: those of this project, and files of your own."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from editcorpus import sources
from editcorpus.errors import ConfigError
from editcorpus.rows import Source
from editcorpus.sources.folder import Config
from editcorpus.stages.workshop import Variant


def source_names() -> tuple[str, ...]:
    """The names of this project's own sources."""
    return tuple(sorted(one.name.replace("_", "-") for one in iter_modules(sources.__path__)))


def source_named(
    name: str, recipe: str = "", columns: Config | None = None, variant: Variant = "output"
) -> Source:
    """A source by its name, or by the path of a Python file that describes it.

    Args:
        name: Such as `hqedit`, or a path that ends in `.py`. The file is run, as any program of yours
            is; it defines `RECIPES`, as those in `editcorpus/sources` do.
        recipe: Which of its recipes; empty for the usual one, its first.
        columns: What they are called, for a source that asks: one that defines `configured`.
        variant: Of the build; a source that asks may need other columns for each.

    Raises:
        ConfigError: There is no such source, it has no such recipe, or its columns have names.
    """
    recipes = _recipes(name, columns or Config(), variant)
    if recipe and recipe not in recipes:
        known = ", ".join(filter(None, recipes)) or "only one, which has no name"
        raise ConfigError(f"{name} has no recipe {recipe!r:.80}; it has {known}.")
    chosen = recipes[recipe] if recipe else next(iter(recipes.values()))
    return chosen.as_pair() if variant == "pair" and chosen.gives_pairs else chosen


def recipes_of(name: str) -> Mapping[str, Source]:
    """The recipes of a source by their names, its usual one first.

    Raises:
        ConfigError: There is no such source.
    """
    return _recipes(name, Config(), "output")


@cache
def _recipes(name: str, columns: Config, variant: Variant) -> Mapping[str, Source]:
    module = _module(name)
    configured = getattr(module, "configured", None)
    if configured is None and columns != Config():
        raise ConfigError(f"{name} knows its columns: folder.* names those of the source folder.")
    found = configured(columns, variant) if configured else getattr(module, "RECIPES", None)
    usable = isinstance(found, Mapping) and all(isinstance(one, Source) for one in found.values())
    if not (found and usable):
        raise ConfigError(f"{name} defines no RECIPES: a mapping from names to Source.")
    origin = name if name.endswith(".py") else ""
    return {key: replace(one, recipe=key, origin=origin) for key, one in found.items()}


def _module(name: str) -> ModuleType:
    if name.endswith(".py"):
        return _loaded(Path(name).expanduser())
    if name not in source_names():
        raise ConfigError(
            f"{name!r:.80} is no source; there are {', '.join(source_names())}, or the path of a file "
            "of your own that ends in .py."
        )
    return import_module(f"editcorpus.sources.{name.replace('-', '_')}")


def _loaded(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"editcorpus_source_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigError(f"There is no file {path}.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
