"""The schema of a block, made once for each class.

Prefect asks for it about fifty times when a block is saved: once a field, to see whether that is a secret.
"""

from copy import deepcopy
from typing import Any

_MADE: dict[tuple[type, str], dict[str, Any]] = {}


class OneSchema:
    """Stands before `Block` among the bases of a class."""

    @classmethod
    def model_json_schema(cls, *asked: Any, **named: Any) -> dict[str, Any]:
        """As Pydantic and Prefect make it; whoever asks has a copy of their own."""
        key = cls, repr((asked, sorted(named.items())))
        if key in _MADE:
            return deepcopy(_MADE[key])
        made: dict[str, Any] = super().model_json_schema(*asked, **named)  # type: ignore[misc]
        if getattr(cls, "__pydantic_complete__", False):
            _MADE[key] = deepcopy(made)
        return made
