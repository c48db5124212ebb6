"""The models that the OpenAI persona serves, read from the published price list."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from editcorpus.sandbox.personas import Persona
from editcorpus.sandbox.refusals import no_model
from editcorpus.tariffs import PUBLISHED, Model


def served(name: str, kind: str, today: date) -> Model:
    """The row of a model that is alive on that day.

    Args:
        name: Name or snapshot.
        kind: `image` or `chat`.
        today: Models whose last day has come look as if they had never been.

    Raises:
        ApiError: 404.
    """
    row = PUBLISHED.models.get(name) or next(
        (each for each in PUBLISHED.models.values() if name in each.snapshots), None
    )
    if row is None or row.kind != kind or not _alive(row, today):
        raise no_model(name, Persona.OPENAI)
    return row


def _alive(row: Model, today: date) -> bool:
    return row.prices is not None and (row.ends is None or today < row.ends)


def described(name: str, row: Model, created: int) -> dict[str, Any]:
    """What `GET /v1/models` says of one model."""
    ends = row.ends.isoformat() if row.ends else None
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "openai",
        "shutdown_date": ends,
    }


def alive(today: date) -> Iterable[tuple[str, Model]]:
    """Every name that is served on that day, snapshots after their model."""
    for name, row in PUBLISHED.models.items():
        if _alive(row, today):
            yield from ((each, row) for each in (name, *row.snapshots))
