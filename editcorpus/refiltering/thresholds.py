"""The thresholds that can be set anew: all whose figures stand in the columns of a run."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import getitem
from typing import Any

from pydantic import BaseModel, ValidationError

from editcorpus.bands import Bands
from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError
from editcorpus.stages.filter import Config as FilterConfig
from editcorpus.steps import filter as filter_step
from editcorpus.steps import publish

_FIXED = frozenset(
    f"filter.{name}" for name in ("correct", "moving_tasks", "white_ground_tasks", "whole_tasks")
)
"""Settings of the filter that decide what is measured, or how a result is brought back: to change them
the pictures have to be looked at again."""
_STEPS: Mapping[str, type[BaseModel]] = {
    "filter": filter_step.Config,
    "publish": publish.Config,
}


def _names(config: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, member in config.model_fields.items():
        kind = member.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _names(kind, f"{prefix}{name}.")
        elif f"{prefix}{name}" not in _FIXED:
            yield f"{prefix}{name}"


NAMES = tuple(name for step, config in _STEPS.items() for name in _names(config, f"{step}."))
"""The thresholds, as `--set` takes them; `filter.judge.` may stand for `filter.`, as of a build."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What decides who is in a corpus, once everything is measured and judged.

    Attributes:
        bands: What is usual in each family of the run; nobody beyond it is in. Empty: not asked.
    """

    filter: filter_step.Config
    publish: publish.Config
    bands: Bands = field(default_factory=dict)

    @classmethod
    def of(cls, identity: Mapping[str, Any]) -> "Thresholds":
        """Those of a run.

        Args:
            identity: What the run is (see `runs.read_identity`).

        Raises:
            ConfigError: It has none that this version knows.
        """
        try:
            return cls(
                FilterConfig.model_validate(identity["filter"]).judge,
                publish.Config.model_validate(identity["publish"]),
            )
        except (KeyError, ValidationError) as error:
            told = first_problem(error) if isinstance(error, ValidationError) else repr(error)
            raise ConfigError(
                f"The run's thresholds are not those of this version: {told}. Build it again with this "
                "version, which pays for nothing twice."
            ) from error

    def changed(self, settings: Iterable[str]) -> "Thresholds":
        """The same with some of them set, as in `publish.min_done=0.6`; the last one counts.

        Raises:
            ConfigError: There is no such threshold, or it cannot have such a value.
        """
        made = self
        for setting in settings:
            made = made._set(*_parted(setting))
        return made

    def _set(self, name: str, value: Any) -> "Thresholds":
        step, *path, last = name.split(".")
        config: BaseModel = getattr(self, step)
        members = place = config.model_dump()
        for part in path:
            place = place[part]
        place[last] = value
        try:
            found = type(config).model_validate(members)
        except ValidationError as error:
            raise ConfigError(f"{name} cannot be {value!r:.80}: {first_problem(error)}") from None
        changes: dict[str, Any] = {step: found}
        return replace(self, **changes)

    def told(self) -> dict[str, Any]:
        """All that can be set, by its name, and bands by family and column, as JSON takes it."""
        known = {step: getattr(self, step).model_dump(mode="json") for step in _STEPS}
        bands = {
            family: {name: list(band) for name, band in each.items()}
            for family, each in self.bands.items()
        }
        return {**{name: reduce(getitem, name.split("."), known) for name in NAMES}, "bands": bands}

    def against(self, other: "Thresholds") -> dict[str, tuple[Any, Any]]:
        """What another one has otherwise: the value here, and the one there, by name."""
        mine, theirs = self.told(), other.told()
        return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}


def _parted(setting: str) -> tuple[str, Any]:
    """Name and value of a setting."""
    word, equals, text = setting.partition("=")
    name = word.replace("filter.judge.", "filter.", 1) if word.startswith("filter.judge.") else word
    if not equals:
        raise ConfigError(
            f"--set takes STEP.NAME=VALUE, such as publish.min_done=0.6, not {word!r:.80}."
        )
    if name not in NAMES:
        raise ConfigError(
            f"{word!r:.80} is no threshold that can be set once a run is finished; these are: "
            f"{', '.join(NAMES)}."
        )
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = text
    return name, value
