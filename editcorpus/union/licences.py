"""Which licences a united corpus takes: by name, or those that allow commercial use."""

from collections.abc import Sequence

COMMERCIAL = "commercial"
"""In place of a name: every licence that is known to allow commercial use."""

_FREE = frozenset(
    {
        "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0",
        "cc-by-4.0", "cc-by-sa-2.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-pdm-1.0", "cc0-1.0",
        "cdla-permissive-1.0", "cdla-permissive-2.0", "mit", "odbl-1.0", "odc-by-1.0",
        "pddl-1.0", "unlicense",
    }
)  # fmt: skip
"""SPDX ids (https://spdx.org/licenses/), in small letters, whose texts allow commercial use and
adaptations; attribution and share-alike still hold."""
_CLOSED = frozenset({"research-only", "non-commercial", "academic-only"})
_CLOSED_PARTS = frozenset({"nc", "noncommercial", "nd"})
"""Parts of names of Creative Commons and other licences that forbid commercial use, or adaptations,
which an edited picture is (https://creativecommons.org/share-your-work/cclicenses/)."""


def allows_commerce(licence: str) -> bool | None:
    """Whether a licence allows commercial use of what was made of the work; None where unknown.

    Args:
        licence: SPDX id, or the source's own name, in any case.
    """
    name = licence.strip().casefold()
    if name in _FREE:
        return True
    if name in _CLOSED or not _CLOSED_PARTS.isdisjoint(name.split("-")):
        return False
    return None


def refusal(licence: str, wanted: Sequence[str]) -> str:
    """Why a licence is not among those that are wanted, as a sentence; empty where it is.

    A licence that nobody here knows is not commercial: its name alone does not say what it allows.

    Args:
        licence: Of a triplet.
        wanted: Names of licences in any case, or `commercial`; none takes all.
    """
    names = {one.strip().casefold() for one in wanted}
    if not names or licence.strip().casefold() in names:
        return ""
    shown = licence or "no licence"
    if COMMERCIAL not in names:
        return f"{shown} is not among {', '.join(wanted)}."
    allowed = allows_commerce(licence)
    if allowed is None:
        return f"{shown} is not known to allow commercial use."
    return "" if allowed else f"{shown} does not allow commercial use."
