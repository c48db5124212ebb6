"""Words of the command line as values."""

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from editcorpus.errors import ConfigError
from editcorpus.stages.workshop import Mode
from flows.modes import Modes

_MOST = 4096
ROLES = ("images", "writer", "judge", "embedder", "store")
"""What a saved block can stand for in a command."""


def modes(text: str) -> dict[str, str]:
    """How steps ask, by their names.

    Raises:
        ArgumentTypeError: There is no such mode, or no such step.
    """
    step, named, mode = text.rpartition("=")
    if mode not in get_args(Mode):
        raise argparse.ArgumentTypeError(f"{mode!r:.80} is no mode; it is batch, auto or online")
    if named and step not in Modes.model_fields:
        steps = ", ".join(Modes.model_fields)
        raise argparse.ArgumentTypeError(f"{step!r:.80} asks no model; these steps do: {steps}")
    return dict.fromkeys([step] if named else Modes.model_fields, mode)


def block_name(text: str) -> str:
    """A name that a saved block can have.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not is_block_name(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not of small letters, digits and dashes")
    return text


def is_block_name(text: str) -> bool:
    """Whether a saved block can have this name."""
    return bool(re.fullmatch(r"[a-z0-9-]{1,200}", text))


def count(text: str) -> int:
    """A whole number of 1 to 4096.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 to {_MOST}")
    return int(text)


def dollars(text: str) -> Decimal:
    """An amount of dollars, exactly as it was typed.

    Raises:
        ArgumentTypeError: It is none, or so little that nothing could be paid.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of dollars")
    if amount <= 0:
        raise argparse.ArgumentTypeError(
            f"a budget of ${text} lets nothing be paid; leave it out for no limit"
        )
    return amount


def merged(wishes: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The modes of all `--mode` together; the last counts."""
    return {step: mode for wish in wishes for step, mode in wish.items()}


def put(members: dict[str, Any], setting: str) -> None:
    """Put what a person sets, as in `rewrite.share=0.2`, among a recipe's members.

    Raises:
        ConfigError: It is no setting.
    """
    name, equals, value = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set takes STEP.NAME=VALUE, not {setting!r}.")
    *path, last = name.split(".")
    for part in path:
        members = members.setdefault(part, {})
        if not isinstance(members, dict):
            raise ConfigError(f"{name} is no parameter.")
    try:
        members[last] = json.loads(value, parse_float=Decimal)
    except (ValueError, RecursionError):
        members[last] = value
