"""What a set-up did, or would do, to a Prefect server."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

What = Literal["created", "changed", "kept", "deleted"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing on the server.

    Attributes:
        kind: Such as `block` or `deployment`.
        name: Of the thing among its kind.
        what: What was done to it, or would be.
        why: Names of what is changed; never a value.
    """

    kind: str
    name: str
    what: What
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"kind": self.kind, "name": self.name, "what": self.what, "why": self.why}


def table(changes: Iterable[Change], checks: dict[str, str], *, only_check: bool) -> str:
    """What was done, one line each, and what each block's own check found.

    Args:
        changes: In the order in which they were made.
        checks: By type and name of a block, what is wrong with it; empty where nothing is.
        only_check: Whether nothing was done.
    """
    done = list(changes)
    lines = [f"{one.what:<9}{one.kind:<12}{one.name:<44}{one.why}".rstrip() for one in done]
    found = [
        f"{'wrong' if told else 'works':<9}{name}  {told}".rstrip() for name, told in checks.items()
    ]
    return "\n".join([*lines, _sum(done, only_check=only_check), *found]) + "\n"


def _sum(done: list[Change], *, only_check: bool) -> str:
    counts = Counter(one.what for one in done if one.what != "kept")
    if not counts:
        return "Nothing is to be changed." if only_check else "Nothing had to be changed."
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    return f"To be done: {told}." if only_check else f"Done: {told}."
