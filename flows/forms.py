"""The form of each source's deployment: its own recipes, choices and defaults, and nothing else.

Prefect makes it from the JSON schema of a flow's parameters, which is arranged here; what it sends is read
by `asked.py`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from editcorpus.presets import preset
from editcorpus.tariffs import PUBLISHED
from flows.asked import given, presets_of, sections_of, shown, variants_of
from flows.parameters import STEPS
from flows.sources import recipes_of

_ORDER = (
    *("run", "input", "recipe", "variant", "preset", "selection", "effort", "endpoints", "folder"),
    *("regenerate", "rewrite", "align", "publish", "filter", "synthesize", "caption", "classify"),
    *("compose", "embed", "pad"),
)
"""What a run cannot do without comes first, what it costs next, what few people touch last."""
_WORDS = {"usd": "in dollars", "s": "in seconds", "png": "PNG", "ids": "IDs", "id": "ID"}
"""Parts of names that a title writes otherwise."""
_CHAT_STEPS = frozenset({"classify", "caption", "compose", "rewrite"})
_IMAGE_STEPS = frozenset({"regenerate", "synthesize"})
"""Steps whose model is one of a kind in the price list; the judge's weights are a team's own."""


@dataclass(frozen=True, slots=True)
class FormOf:
    """Marks the recipe among a flow's parameters: its form is that of one source.

    Attributes:
        source: Such as `hqedit`; empty for any source, whose defaults nobody knows beforehand.
    """

    source: str = ""

    def __get_pydantic_core_schema__(self, kind: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the recipe, before which what was sent is sifted."""
        return core_schema.no_info_before_validator_function(self._read, handler(kind))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """What the form is made from."""
        made = handler(schema)
        _arrange(handler, handler.resolve_ref_schema(made), self.source)
        return made

    def _read(self, sent: Any) -> Any:
        """What a person asked for; a recipe that was made in Python is one already."""
        return given(self.source, sent) if isinstance(sent, Mapping) else sent


@dataclass(frozen=True, slots=True)
class Plain:
    """Marks any other model among a flow's parameters: its fields keep their order in the form."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """What the form is made from."""
        made = handler(schema)
        _number(handler, handler.resolve_ref_schema(made))
        return made


def models_of(kind: str) -> tuple[str, ...]:
    """Models of a kind that have a price and no announced end, as the published list has them."""
    rows = PUBLISHED.models.items()
    return tuple(name for name, row in rows if row.kind == kind and row.prices and not row.ends)


def _arrange(handler: GetJsonSchemaHandler, recipe: dict[str, Any], source: str) -> None:
    """Make the schema of a recipe that of a source's form."""
    fields: dict[str, dict[str, Any]] = recipe["properties"]
    for step in (_CHAT_STEPS | _IMAGE_STEPS) & fields.keys():
        model = _resolved(handler, fields[step])["properties"]["model"]
        _offer(model, models_of("image" if step in _IMAGE_STEPS else "chat"))
    if source:
        _narrow(handler, recipe, source)
    place = {name: number for number, name in enumerate(_ORDER)}
    names = sorted(fields, key=lambda name: place.get(name, len(place)))
    recipe["properties"] = {name: fields[name] for name in names}
    _number(handler, recipe)


def _narrow(handler: GetJsonSchemaHandler, recipe: dict[str, Any], source: str) -> None:
    """Leave what a source heeds, and show its own choices and defaults."""
    fields, heeded = recipe["properties"], sections_of(source)
    for name in {"recipe", "folder", *STEPS} - heeded:
        fields.pop(name, None)
    modes = _resolved(handler, _resolved(handler, fields["effort"])["properties"]["modes"])
    for name in modes["properties"].keys() - heeded:
        del modes["properties"][name]
    if "recipe" in fields:
        told = f"Which recipe of {source}; docs/sources.md describes them."
        fields["recipe"] = _choice(told, recipes_of(source))
    fields["variant"] = _choice(fields["variant"]["description"], variants_of(source))
    about = {name: preset(name).get("about", "As set below.") for name in presets_of(source)}
    told = " ".join(f"{name}: {says}" for name, says in about.items())
    fields["preset"] = _choice(f"Named settings. {told}", about)
    _default(handler, recipe, shown(source))


def _choice(told: str, values: Iterable[str]) -> dict[str, Any]:
    """A field that offers values to pick from."""
    return {"description": told, "type": "string", "enum": [*values]}


def _offer(field: dict[str, Any], values: Iterable[str]) -> None:
    """Let a field offer values, and take any other: an endpoint may have models and prices of its own."""
    if "anyOf" in field:
        return
    bounds = {name: field.pop(name) for name in ("type", "minLength", "maxLength") if name in field}
    field["anyOf"] = [
        {"type": "string", "enum": [*values], "title": "of the price list"},
        {**bounds, "title": "another"},
    ]


def _default(handler: GetJsonSchemaHandler, model: Any, values: Mapping[str, Any]) -> None:
    """Write defaults into the schema of a model, and of those that it nests."""
    for name, field in model["properties"].items():
        if name in values and isinstance(values[name], Mapping) and "$ref" in field:
            _default(handler, _resolved(handler, field), values[name])
        elif values.get(name) is not None:
            field["default"] = values[name]


def _number(handler: GetJsonSchemaHandler, model: dict[str, Any]) -> None:
    """Number the fields of a model, and of those that it nests: a database may lose their order.

    What may be None is shown without a word for it: a field that is left out is none.
    """
    for number, (name, field) in enumerate(model.get("properties", {}).items()):
        kinds = field.get("anyOf", ())
        real = [kind for kind in kinds if kind.get("type") != "null"]
        if len(kinds) - len(real) == 1 == len(real):
            plain = {key: value for key, value in field.items() if key != "anyOf"}
            field = {**real[0], **plain}  # noqa: PLW2901
            if field.get("default", "") is None:
                del field["default"]
        if "const" in field:
            field["enum"] = [field.pop("const")]
        field |= {"position": number, "title": _title(name)}
        model["properties"][name] = field
        for nested in chain([field], field.get("allOf", ())):
            if "$ref" in nested:
                _number(handler, _resolved(handler, nested))


def _title(name: str) -> str:
    words = " ".join(_WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def _resolved(handler: GetJsonSchemaHandler, field: Mapping[str, Any]) -> dict[str, Any]:
    return handler.resolve_ref_schema({"$ref": field["$ref"]})
