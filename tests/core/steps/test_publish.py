"""Which scores pass."""

import pytest

from editcorpus.records import Reason
from editcorpus.steps.publish import Config, Scores, decide


@pytest.mark.parametrize(
    ("task", "scores", "reason"),
    [
        ("addition", Scores(0.9, 0.9, 0.9), None),
        ("addition", Scores(0.5, 0.2, 0.3), None),
        ("addition", Scores(0.49, 0.9, 0.9), Reason.NOT_DONE),
        ("addition", Scores(0.9, 0.19, 0.9), Reason.NOT_PRESERVED),
        ("style", Scores(0.9, 0.0, 0.9), None),
        ("style", Scores(0.9, 0.0, 0.1), Reason.ARTEFACTS),
        ("addition", Scores(0.1, 0.1, 0.1), Reason.NOT_DONE),
    ],
)
def test_the_first_threshold_that_is_missed_decides(task, scores, reason):
    verdict = decide("x/1", task, scores, Config())
    assert (verdict and verdict.reason) == reason
    if verdict is not None:
        assert verdict.detail.startswith("P(yes) is ")
