"""What is known of sources before anybody looks: defects, and licences that do not mix."""

from collections.abc import Iterable

DEFECTS: dict[str, tuple[str, ...]] = {
    "omniedit": (
        "Some published edits equal their source byte by byte, or differ from it in size.",
        "Styles are rare in it, so they are rare wherever rows are not balanced.",
    ),
    "hqedit": (
        "Its pairs were made by one model as diptychs: source pictures are synthetic too.",
        "Source and edited picture of a published pair may differ in size.",
    ),
    "ultraedit": (
        "Pictures have 512 pixels a side; masks are JPEGs with grey fringes.",
        "Most instructions are short, and their categories are a classifier's or a preset's.",
    ),
    "seed-data-edit": (
        "Some pictures of its archives are damaged; they are rejected when they are decoded.",
        "Pictures keep their owners' rights; it is meant for research.",
    ),
    "scaleedit": (
        "One row in nine did not pass when a newer judge looked again (measured on 299,633 rows).",
        "Rows that hold a link instead of a picture are left out.",
    ),
    "complex-edit": ("Instructions are compounds of several edits, written by a model.",),
    "gpt-image-edit": (
        "Of the metadata of its hqedit/generate, 6,705 of 93,597 entries name pictures that are missing.",
    ),
}
"""Known defects, by source, as the cards, loaders and issue threads of the published datasets tell them."""

_CLOSED = ("-nc", "noncommercial", "non-commercial", "research")


def is_closed(licence: str) -> bool:
    """Whether the name of a licence says that commercial use is not allowed."""
    return any(mark in licence.lower() for mark in _CLOSED)


def conflict(licences: Iterable[str]) -> str:
    """A sentence where some licences allow less than others; empty where none does."""
    names = sorted(set(licences))
    closed = [name for name in names if is_closed(name)]
    if not closed or len(closed) == len(names):
        return ""
    return (
        f"These licences differ in what they allow: records under {', '.join(closed)} are closed to "
        "commercial use, and no licence on the whole opens them. (GPT-IMAGE-EDIT-1.5M is published as "
        "CC-BY-4.0, though its HQ-Edit part is CC-BY-NC-4.0: a licence for the collection cannot give "
        "what that of a part withholds.)"
    )


def defects(sources: Iterable[str]) -> tuple[str, ...]:
    """The known defects of some sources, each with the name of its source."""
    return tuple(f"{one}: {told}" for one in sources for told in DEFECTS.get(one, ()))
