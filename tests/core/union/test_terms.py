"""What a corpus takes: licences by name or by what they allow, and terms that can be."""

from typing import Any

import pytest
from pydantic import ValidationError

from editcorpus.union.digests import plain_instruction
from editcorpus.union.licences import allows_commerce, refusal
from editcorpus.union.terms import Terms


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("apache-2.0", True),
        ("CC-BY-4.0", True),
        ("CC0-1.0", True),
        (" cc-by-sa-4.0 ", True),
        ("CC-BY-NC-4.0", False),
        ("cc-by-nc-sa-4.0", False),
        ("CC-BY-ND-4.0", False),
        ("research-only", False),
        ("openrail", None),
        ("", None),
        ("MIT or so", None),
    ],
)
def test_what_a_licence_allows(licence: str, allowed: bool | None) -> None:
    assert allows_commerce(licence) is allowed


@pytest.mark.parametrize(
    ("licence", "wanted", "sentence"),
    [
        ("CC-BY-NC-4.0", (), ""),
        ("mit", ("MIT", "CC0-1.0"), ""),
        ("CC-BY-4.0", ("MIT", "CC0-1.0"), "CC-BY-4.0 is not among MIT, CC0-1.0."),
        ("MIT", ("commercial",), ""),
        ("CC-BY-NC-4.0", ("commercial",), "CC-BY-NC-4.0 does not allow commercial use."),
        ("", ("Commercial",), "no licence is not known to allow commercial use."),
        ("our own", ("commercial", "Our own"), ""),
    ],
)
def test_why_a_licence_is_left_out(licence: str, wanted: tuple[str, ...], sentence: str) -> None:
    assert refusal(licence, wanted) == sentence


@pytest.mark.parametrize(
    "members",
    [
        {"seed": -1},
        {"validation_share": 0.5, "test_share": 0.5},
        {"test_share": 0.6},
        {"licenses": ["<script>"]},
        {"licenses": [""]},
        {"most": {"omniedit": -1}},
        {"most_per_task": -1},
        {"shard_records": 0},
        {"other": 1},
    ],
)
def test_terms_that_cannot_be(members: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Terms.model_validate(members)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Add a bird.", " add  a\tBIRD.\n", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("Stra\u00dfe", "STRASSE", True),
        ("Add a bird.", "Add a bird", False),
        ("a b", "ab", False),
    ],
)
def test_when_two_instructions_are_the_same(one: str, other: str, same: bool) -> None:
    assert (plain_instruction(one) == plain_instruction(other)) is same
