"""The closed list of reasons: each with what it says and what to do."""

import re

import pytest

from editcorpus.records import REMEDIES, SENTENCES, Reason
from flows.parameters import Recipe

SETTING = re.compile(r"\b([a-z]+(?:\.[a-z_]+)+)")


def test_every_reason_says_what_to_do_in_short() -> None:
    assert list(REMEDIES) == list(SENTENCES) == list(Reason)
    for text in REMEDIES.values():
        assert re.fullmatch(r"[A-Z].*\.", text)
        assert len(text) < 120


@pytest.mark.parametrize("reason", Reason)
def test_the_settings_that_are_named_exist(reason: Reason) -> None:
    for name in SETTING.findall(REMEDIES[reason]):
        model = Recipe
        for part in name.split("."):
            assert part in model.model_fields, name
            model = model.model_fields[part].annotation  # type: ignore[assignment]
