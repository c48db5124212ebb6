"""`croissant.json`: a corpus, described for machines.

It follows Croissant 1.1 (http://mlcommons.org/croissant/1.1) with the fields of its extension for
responsible AI (http://mlcommons.org/croissant/RAI/1.0), so that search engines of datasets and loaders
know what lies here without a look at the files. It says what the card says, and no more.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from editcorpus.layouts.schema import PICTURES, shard_schema
from editcorpus.renewing import renew
from editcorpus.storage import Store

NAME = "croissant.json"

_VERSION = "http://mlcommons.org/croissant/1.1"
_RAI = "http://mlcommons.org/croissant/RAI/1.0"
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that the specification gives (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html)."""

_KINDS = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float", "bool": "sc:Boolean"}
"""Croissant's names of the types of columns."""

_FORMATS = {
    "parquet": "application/x-parquet",
    "tar": "application/x-tar",
    "json": "application/json",
    "jsonl": "application/jsonlines",
    "png": "image/png",
    "txt": "text/plain",
    "*": "image/*",
}
"""Media types by the ending of a glob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What is known of a corpus.

    Attributes:
        name: Of the corpus.
        version: Of the corpus; `1.0.0` where it has none.
        records: How many it has.
        licences: Names of the licences of its records.
        sources: Names of its sources.
        models: Model by what it did, such as `regenerate`.
        emulated: Whether the answers came from the sandbox.
        limits: Known limits, one sentence each.
        languages: Of the instructions, ISO 639-1, as far as they are known.
        places: Where sources say that pictures were taken; none where no source says it.
        files: Globs of the files with records, relative to the folder.
        tabular: Whether they are parquet files with the columns of `Published`.
    """

    name: str
    records: int
    licences: tuple[str, ...]
    sources: tuple[str, ...]
    models: Mapping[str, str]
    version: str = "1.0.0"
    emulated: bool = False
    limits: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    files: tuple[str, ...] = ("data/*.parquet",)
    tabular: bool = True


def croissant_text(told: Described) -> str:
    """The description as JSON; the same facts give the same text."""
    made = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [_VERSION, _RAI],
        **_about(told),
        **_responsible(told),
        **_files(told.files, tabular=told.tabular),
    }
    return json.dumps(made, indent=1, ensure_ascii=True) + "\n"


def relaid(text: str, files: tuple[str, ...], *, tabular: bool) -> str:
    """The description of a corpus, made that of an export with other files.

    Args:
        text: What `croissant_text` gave.
        files: Globs of the export's files.
        tabular: Whether they are parquet files with the columns of the corpus.

    Raises:
        ValueError, TypeError: It is no description.
    """
    made = json.loads(text)
    if not isinstance(made, dict):
        raise TypeError("It is no object.")
    made.pop("recordSet", None)
    return json.dumps(made | _files(files, tabular=tabular), indent=1, ensure_ascii=True) + "\n"


def write_croissant(store: Store, folder: str, told: Described) -> None:
    """Write it into a corpus, unless the same lies there."""
    path, data = f"{folder}/{NAME}", croissant_text(told).encode()
    renew(store, path, data)


def _about(told: Described) -> dict[str, Any]:
    emulated = "Emulated: the edited images are drawings of a sandbox. " if told.emulated else ""
    return {
        "name": told.name,
        "description": (
            f"{emulated}{told.records:,} triplets for instruction-based image editing: an instruction, "
            f"a source image and the edited image. Sources: {', '.join(told.sources) or 'none'}."
        ),
        "license": [_licence(name) for name in told.licences],
        "version": told.version,
        "keywords": ["image editing", "instruction", "synthetic", *told.sources],
        "isLiveDataset": False,
        **({"inLanguage": list(told.languages)} if told.languages else {}),
    }


def _licence(name: str) -> str:
    """The page of a licence that SPDX lists, or its name."""
    plain = name and all(letter.isalnum() or letter in "-.+" for letter in name)
    known = plain and name.isascii() and (name == "MIT" or "-" in name)
    return f"https://spdx.org/licenses/{name}.html" if known else name


def _responsible(told: Described) -> dict[str, Any]:
    models = [f"{model} ({role})" for role, model in sorted(told.models.items()) if model]
    return {
        "rai:dataCollection": (
            "Rows of published datasets; the edited images, and some instructions, were made by models "
            "and checked by rules and by a model."
        ),
        "rai:dataCollectionType": ["Secondary Data Analysis", "Software Collection"],
        "rai:dataPreprocessingProtocol": [
            "Each picture is laid on a canvas, edited, cut out exactly, and brought back to its size.",
            "Results with left-over padding, displacement, no change or a blank picture are rejected.",
        ],
        "rai:machineAnnotationTools": models,
        "rai:dataAnnotationProtocol": (
            "A vision-language model judges each pair: done as asked, all else preserved, free of "
            "artefacts. Each score is its probability of yes."
        ),
        "rai:annotationsPerItem": "One judgement of each of the three.",
        "rai:dataUseCases": ["Training and validation of models that edit images by instruction."],
        "rai:dataLimitations": list(
            told.limits
            or (
                "The edited images and the scores are the work of models.",
                "The checks do not recognise persons, brands or text.",
            )
        ),
        "rai:dataBiases": [
            "What an API refused is missing, so some subjects are rarer than in the sources.",
            "The biases of the sources, and of the models named, are carried on.",
            _geography(told.places),
        ],
        "rai:personalSensitiveInformation": [
            "Photographs of the sources may show persons; none is named or sought."
        ],
        "rai:dataSocialImpact": (
            "A model trained on it edits photographs at a word, and may be misused to deceive."
        ),
    }


def _geography(places: Iterable[str]) -> str:
    named = ", ".join(places)
    if named:
        return f"Of some pictures the sources say where they were taken: {named}."
    return "Where the pictures were taken is unknown: no source says it."


def _files(globs: Iterable[str], *, tabular: bool) -> dict[str, Any]:
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"files-{number}",
            "name": f"files-{number}",
            "description": "The records." if number == 0 else "What belongs to the records.",
            "encodingFormat": _FORMATS.get(glob.rpartition(".")[2], "application/octet-stream"),
            "includes": glob,
        }
        for number, glob in enumerate(globs)
    ]
    return {"distribution": sets} | ({"recordSet": [_records()]} if tabular else {})


def _records() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "triplets",
        "name": "triplets",
        "description": "One record a triplet.",
        "key": {"@id": "triplets/id"},
        "field": [_field(column) for column in shard_schema()],
    }


def _field(column: pa.Field) -> dict[str, Any]:
    picture = column.name in PICTURES
    source: dict[str, Any] = {
        "fileSet": {"@id": "files-0"},
        "extract": {"column": column.name},
    }
    if picture:
        source["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"triplets/{column.name}",
        "name": column.name,
        "dataType": "sc:ImageObject" if picture else _KINDS[str(column.type)],
        "source": source,
    }
