"""JSON that conforms to a JSON schema, filled from what was measured on pictures, or was said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from editcorpus.sandbox.chance import pick
from editcorpus.sandbox.refusals import invalid
from editcorpus.sandbox.told import Told

_DEEPEST = 12
_LONGEST = 1000
_DESCRIBES = re.compile("caption|descri")
"""In the names of members that say what a picture shows."""
_NUMBERED = 1
"""Depth of the arrays that hold as many items as a request names; those in them hold the fewest."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What an answer is made of.

    Attributes:
        instruction: Sentence that leads from the first picture to the second.
        score: How good the edit is, 0 to 1.
        key: Free choices are drawn under this name.
        told: The words of the request; None where two pictures were measured instead.
        shown: What the one picture of the request shows; empty where it has none, or several.
    """

    instruction: str
    score: float
    key: str
    told: Told | None = None
    shown: str = ""


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where in the answer a value goes.

    Attributes:
        name: Of the member that holds it.
        place: Of the items of an array, which one it is in, from 0.
        chosen: What was chosen beside it; empty where nothing was.
    """

    name: str = ""
    depth: int = 0
    place: int = 0
    chosen: str = ""


def check_strict(name: str, schema: Mapping[str, Any]) -> None:
    """Refuse a schema that strict structured output does not take.

    Raises:
        ApiError: An object of it is open, or does not require all its properties.
    """
    for path, part in _objects(schema, (), 0):
        start = f"Invalid schema for response_format '{name}': In context={path!r}, "
        if part.get("additionalProperties") is not False:
            raise _bad(start + "'additionalProperties' is required to be supplied and to be false.")
        if set(part.get("properties", {})) != set(part.get("required", [])):
            raise _bad(
                start + "'required' is required to be supplied and to be an array including "
                "every key in properties."
            )


def _bad(message: str) -> Exception:
    return invalid(message, "response_format", "invalid_json_schema")


def _objects(
    schema: object, path: tuple[str, ...], depth: int
) -> list[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return []
    found = [(path, schema)] if schema.get("type") == "object" else []
    for group in ("properties", "$defs"):
        for name, part in dict(schema.get(group) or {}).items():
            found += _objects(part, (*path, group, name), depth + 1)
    return found + _objects(schema.get("items"), (*path, "items"), depth + 1)


def conforming(schema: Mapping[str, Any], facts: Facts) -> Any:
    """A value that the schema takes; the same schema and facts give the same value."""
    return _value(schema, schema, facts, _Spot())


def _value(schema: Mapping[str, Any], root: Mapping[str, Any], facts: Facts, spot: _Spot) -> Any:
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return _choice(tuple(schema["enum"]), facts, spot)
    kind = _type(schema)
    if spot.depth > _DEEPEST:
        return None
    if kind == "object":
        return _members(schema, root, facts, spot)
    if kind == "array":
        items = schema.get("items") or {}
        spots = [
            replace(spot, depth=spot.depth + 1, place=n) for n in range(_count(schema, facts, spot))
        ]
        return [_value(items, root, facts, each) for each in spots]
    return _scalar(kind, schema, facts, spot)


def _choice(members: Sequence[Any], facts: Facts, spot: _Spot) -> Any:
    if facts.told is None:
        return pick(members, facts.key, spot.name)
    return facts.told.choice(members, spot.name, spot.place)


def _count(schema: Mapping[str, Any], facts: Facts, spot: _Spot) -> int:
    """Items of an array: as many as the request names, within what the schema takes."""
    wanted = facts.told.count if facts.told and spot.depth <= _NUMBERED else 1
    least, most = schema.get("minItems", 1), schema.get("maxItems", _LONGEST)
    return int(min(max(wanted, least), most, _LONGEST))


def _members(
    schema: Mapping[str, Any], root: Mapping[str, Any], facts: Facts, spot: _Spot
) -> dict[str, Any]:
    """The members of an object in the schema's order; texts follow what is chosen beside them."""
    parts = dict(schema.get("properties") or {})
    below = replace(spot, depth=spot.depth + 1, chosen="")
    made: dict[str, Any] = {}
    for name in sorted(parts, key=lambda each: not _resolved(parts[each], root).get("enum")):
        made[name] = _value(parts[name], root, facts, replace(below, name=name))
        if _resolved(parts[name], root).get("enum"):
            below = replace(below, chosen=str(made[name]))
    return {name: made[name] for name in parts}


def _scalar(kind: str, schema: Mapping[str, Any], facts: Facts, spot: _Spot) -> Any:
    if kind == "boolean":
        return facts.score >= 0.5
    if kind in ("integer", "number"):
        return _number(schema, facts.score, whole=kind == "integer")
    return _text(schema, facts, spot) if kind == "string" else None


def _number(schema: Mapping[str, Any], score: float, *, whole: bool) -> float:
    """A number within its bounds, as far up as the score says."""
    step = 1 if whole else 1e-4
    low = schema.get("minimum", schema.get("exclusiveMinimum", -step) + step)
    high = schema.get("maximum", schema.get("exclusiveMaximum", max(10, low) + step) - step)
    value = float(low + (high - low) * score)
    return round(value) if whole else round(value, 4)


def _text(schema: Mapping[str, Any], facts: Facts, spot: _Spot) -> str:
    if facts.shown and _DESCRIBES.search(spot.name.lower()):
        text = facts.shown
    elif facts.told is not None:
        text = facts.told.sentence(spot.name, spot.chosen, spot.place)
    elif "instruction" in spot.name.lower():
        text = facts.instruction
    else:
        text = f"The difference between the pictures: {facts.instruction}"
    text = text.ljust(min(schema.get("minLength", 0), _LONGEST), ".")
    return text[: schema.get("maxLength", len(text))]


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with references, unions and intersections followed."""
    for _ in range(_DEEPEST):
        if "$ref" in schema:
            target: Any = root
            for step in str(schema["$ref"]).removeprefix("#/").split("/"):
                target = target.get(step, {}) if isinstance(target, Mapping) else {}
            schema = target if isinstance(target, Mapping) else {}
        elif options := schema.get("anyOf") or schema.get("oneOf"):
            rest = [each for each in options if each.get("type") != "null"]
            schema = rest[0] if rest else {"type": "null"}
        elif parts := schema.get("allOf"):
            schema = {name: value for part in parts for name, value in part.items()}
        else:
            return schema
    return {}


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "string"
    return str(kind)
