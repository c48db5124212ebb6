"""JSON that conforms to a JSON schema, filled from what was measured on the pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from editcorpus.sandbox.chance import pick
from editcorpus.sandbox.refusals import invalid

_DEEPEST = 12
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Facts:
    """What an answer is made of.

    Attributes:
        instruction: Sentence that leads from the first picture to the second.
        score: How good the edit is, 0 to 1.
        key: Free choices are drawn under this name.
    """

    instruction: str
    score: float
    key: str


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
    return _value(schema, schema, facts, "", 0)


def _value(
    schema: Mapping[str, Any], root: Mapping[str, Any], facts: Facts, name: str, depth: int
) -> Any:
    schema = _resolved(schema, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return pick(tuple(schema["enum"]), facts.key, name)
    kind = _type(schema)
    if depth > _DEEPEST:
        return None
    if kind == "object":
        parts = dict(schema.get("properties") or {})
        return {each: _value(part, root, facts, each, depth + 1) for each, part in parts.items()}
    if kind == "array":
        items = schema.get("items") or {}
        count = min(max(1, schema.get("minItems", 1)), _LONGEST)
        return [_value(items, root, facts, name, depth + 1) for _ in range(count)]
    return _scalar(kind, schema, facts, name)


def _scalar(kind: str, schema: Mapping[str, Any], facts: Facts, name: str) -> Any:
    if kind == "boolean":
        return facts.score >= 0.5
    if kind in ("integer", "number"):
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = schema.get("maximum", schema.get("exclusiveMaximum", max(10, low)))
        value = low + (high - low) * facts.score
        return round(value) if kind == "integer" else round(value, 4)
    return _text(schema, facts, name) if kind == "string" else None


def _text(schema: Mapping[str, Any], facts: Facts, name: str) -> str:
    plain = f"The difference between the pictures: {facts.instruction}"
    text = facts.instruction if "instruction" in name.lower() else plain
    longest = schema.get("maxLength")
    return text[:longest] if longest else text.ljust(min(schema.get("minLength", 0), _LONGEST), ".")


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
