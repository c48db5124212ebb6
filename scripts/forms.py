"""Writes tests/flows/forms/*.txt: what each deployment's form offers, so that a change of it is seen.

`make docs` runs this. A line is a field: what it takes, and its default.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from prefect.flows import load_flow_from_entrypoint

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "flows" / "forms"


def pages() -> dict[Path, str]:
    """Each form by the path of its file; parts of runs are not started by people, and have none."""
    text = (ROOT / "deployments" / "prefect.yaml").read_text("utf-8")
    found = {one["name"]: one["entrypoint"] for one in yaml.safe_load(text)["deployments"]}
    return {
        FOLDER / f"{name}.txt": "".join(f"{line}\n" for line in form(entrypoint))
        for name, entrypoint in found.items()
        if not name.endswith("-partition")
    }


def form(entrypoint: str) -> Iterator[str]:
    """The lines of a flow's form."""
    schema = load_flow_from_entrypoint(entrypoint).parameters.model_dump()
    yield from _lines(schema, schema["definitions"], "")


def _lines(model: Mapping[str, Any], known: Mapping[str, Any], path: str) -> Iterator[str]:
    fields = sorted(model["properties"].items(), key=lambda item: int(item[1]["position"]))
    for name, field in fields:
        nested = known.get(field.get("$ref", "").rpartition("/")[2])
        if nested is not None and "properties" in nested:
            yield from _lines(nested, known, f"{path}{name}.")
            continue
        must = " required" if name in model.get("required", ()) else ""
        default = f" = {field['default']!r}" if "default" in field else ""
        yield f"{path}{name}: {_takes({**(nested or {}), **field})}{default}{must}"


def _takes(field: Mapping[str, Any]) -> str:
    """The type of a field, its choices and its bounds."""
    if "anyOf" in field:
        return " or ".join(map(_takes, field["anyOf"]))
    if "enum" in field:
        return f"one of {', '.join(map(str, field['enum']))}"
    if "items" in field:
        return f"list of {_takes(field['items'])}"
    bounds = {
        ">=": "minimum",
        ">": "exclusiveMinimum",
        "<=": "maximum",
        "<": "exclusiveMaximum",
        "matches": "pattern",
    }
    told = [f"{sign} {field[name]}" for sign, name in bounds.items() if name in field]
    return " ".join([field.get("type", "anything"), *told])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, "utf-8")
