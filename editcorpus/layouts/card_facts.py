"""What a dataset card says, as facts; the same facts give the same card."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from editcorpus.errors import ShardError
from editcorpus.layouts.facets import Facets
from editcorpus.layouts.tally import Group, rows
from editcorpus.quality import Quality
from editcorpus.records import Reason


@dataclass(frozen=True, slots=True)
class Loss:
    """How many triplets one step gave up for one reason."""

    step: str
    reason: Reason
    count: int


@dataclass(frozen=True, slots=True)
class TaskCount:
    """How many triplets of a task entered, and how many were kept."""

    task: str
    entered: int
    kept: int


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a model did, such as `edited the images`, in how many calls."""

    role: str
    model: str
    calls: int


@dataclass(frozen=True, slots=True)
class ListPrice:
    """One line of a price list.

    Attributes:
        unit: What is priced, such as `1M image output tokens`.
        usd: Dollars for one unit.
        as_of: Day on which the price was read, ISO 8601.
        source: Page on which it was read.
    """

    model: str
    unit: str
    usd: Decimal
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class SourceLicence:
    """How many kept triplets of a source have a licence."""

    source: str
    licence: str
    records: int


@dataclass(frozen=True, slots=True)
class Example:
    """A kept triplet: its text, and where a small picture of the pair lies, relative to the corpus."""

    task: str
    instruction: str
    instruction_original: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """The run that a refiltered corpus comes from.

    Attributes:
        run: Its name.
        sha256: Of the manifest of its corpus, in hex.
        changes: Each threshold that is another one: its name, the run's value, and the one of here.
    """

    run: str
    sha256: str
    changes: tuple[tuple[str, Any, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """All that a card says; the same facts give the same card.

    Attributes:
        run: Name of the run; the card's title.
        location: What a user hands to `load_dataset`: a path or URL of the corpus.
        emulated: Whether the answers came from the sandbox.
        editor: The image model that made the edited images; empty where they are as published.
        rejected: Final verdicts, in the order in which they are to be shown.
        failed: Triplets without a verdict, likewise.
        paid_usd: Booked dollars of all calls, earlier processes of the run included.
        list_usd: What the same calls cost at list price, in dollars.
        possibly_billed: Calls that were cut off, booked at their worst case.
        groups: Kept triplets and their scores by family, source, licence and type of instruction.
        configuration: The run's configuration, as JSON takes it; never a secret.
        limits: Further known limits, one sentence each.
        facets: Kept triplets by language, size and ratio.
        quality: What the corpus measured of itself.
        sheet: Path of its picture sheet, relative to the corpus; empty where there is none.
        origin: Of a corpus that was refiltered; None of one that a run built.
    """

    run: str
    location: str
    emulated: bool
    editor: str
    entered: int
    kept: int
    paid_usd: Decimal
    list_usd: Decimal
    possibly_billed: int = 0
    rejected: tuple[Loss, ...] = ()
    failed: tuple[Loss, ...] = ()
    tasks: tuple[TaskCount, ...] = ()
    models: tuple[ModelUse, ...] = ()
    prices: tuple[ListPrice, ...] = ()
    licences: tuple[SourceLicence, ...] = ()
    examples: tuple[Example, ...] = ()
    limits: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    facets: Facets = field(default_factory=Facets)
    quality: Quality = field(default_factory=Quality)
    sheet: str = ""
    origin: Origin | None = None
    configuration: Mapping[str, Any]


_FACTS = TypeAdapter(CardFacts)


def encode(facts: CardFacts) -> bytes:
    """All that a card says, as JSON; equal facts give equal bytes, and `decode` gives them back."""
    return json.dumps(_FACTS.dump_python(facts, mode="json"), sort_keys=True).encode() + b"\n"


def decode(data: bytes) -> CardFacts:
    """What `encode` was given.

    Raises:
        ShardError: It is damaged, or of another version.
    """
    try:
        return _FACTS.validate_json(data)
    except ValueError as error:
        raise ShardError(f"The facts of the card are damaged: {error!s:.300}") from error


def source_licences(groups: Iterable[Group]) -> tuple[SourceLicence, ...]:
    """The licences of records, by source."""
    found = rows(groups, lambda one: (one.source, one.licence))
    return tuple(SourceLicence(row.names[0], row.names[1], row.records) for row in found)
