"""Named settings, one file each: what the paper did, what its 100k subsets were, what serves today.

A file may say `source`, `recipe` and `variant`, which it is for; settings by step, which it decides;
and `selection`, which whoever builds may change.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

CUSTOM = "custom"
"""The preset that decides nothing."""
_FREE = frozenset({"about", "source", "recipe", "variant", "selection"})


def preset_names() -> tuple[str, ...]:
    """The names of all presets, the one that decides nothing last."""
    found = (item.name for item in files(__name__).iterdir())
    names = sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml"))
    return (*sorted(names, key=_rank), CUSTOM)


@cache
def preset(name: str) -> Mapping[str, Any]:
    """All that a preset says; empty for `custom`.

    Raises:
        KeyError: There is no such preset.
    """
    if name not in preset_names():
        raise KeyError(name)
    if name == CUSTOM:
        return MappingProxyType({})
    return MappingProxyType(
        tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text("utf-8"))
    )


def decided(name: str) -> dict[str, dict[str, Any]]:
    """The settings by step that a preset decides, over which nothing else is said."""
    return {step: members for step, members in preset(name).items() if step not in _FREE}


def _rank(name: str) -> tuple[int, str]:
    first = ("standard", "paper", "modern")
    return (first.index(name) if name in first else len(first)), name
