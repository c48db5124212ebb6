"""Which scores pass, and how much may differ outside of an edit."""

import pytest
from pydantic import ValidationError

from editcorpus.preservation import Kind
from editcorpus.records import Reason
from editcorpus.steps.publish import Config, Scores, changed_outside, decide

ADDITION = Kind("addition", "original", "object_addition")
STYLE = Kind("style", "original", "style_transfer")
COMPLEX = Kind("style", "complex", "compositional_editing")


@pytest.mark.parametrize(
    ("kind", "scores", "reason"),
    [
        (ADDITION, Scores(0.9, 0.9, 0.9), None),
        (ADDITION, Scores(0.5, 0.2, 0.3), None),
        (ADDITION, Scores(0.49, 0.9, 0.9), Reason.NOT_DONE),
        (ADDITION, Scores(0.9, 0.19, 0.9), Reason.NOT_PRESERVED),
        (STYLE, Scores(0.9, 0.0, 0.9), None),
        (STYLE, Scores(0.9, 0.0, 0.1), Reason.ARTEFACTS),
        (ADDITION, Scores(0.1, 0.1, 0.1), Reason.NOT_DONE),
        (COMPLEX, Scores(0.9, 0.3, 0.9), None),
        (COMPLEX, Scores(0.9, 0.29, 0.9), Reason.NOT_PRESERVED),
    ],
)
def test_the_first_threshold_that_is_missed_decides(
    kind: Kind, scores: Scores, reason: Reason | None
) -> None:
    verdict = decide("x/1", kind, scores, Config())
    assert (verdict and verdict.reason) == reason
    if verdict is not None:
        assert verdict.detail.startswith("P(yes) is ")


BACKGROUND = Kind("background", "original", "background_replacement")
UNSORTED = Kind("others", "original", "")
WHOLE = ("style", "background", "others")


@pytest.mark.parametrize(
    ("kind", "questions", "doubts", "floor"),
    [
        (STYLE, "three-2", "", 0.1),
        (STYLE, "three-2", "tiny_edit", 0.1),
        (STYLE, "three-2", "tiny_edit nothing_alike", 0.2),  # pixels do not vouch for it either
        (BACKGROUND, "three-2", "", 0.1),
        (STYLE, "three-1", "nothing_alike", 0.0),  # nobody was asked what has to stay
        (STYLE, "", "", 0.0),
        (UNSORTED, "three-2", "nothing_alike", 0.0),
        (COMPLEX, "three-2", "", 0.3),
        (ADDITION, "three-2", "nothing_alike", 0.2),
    ],
)
def test_what_may_change_all_has_a_floor_of_its_own_where_the_judge_was_asked_what_stays(
    kind: Kind, questions: str, doubts: str, floor: float
) -> None:
    config = Config(whole_picture_tasks=WHOLE)
    for preserved in (0.0, 0.05, 0.0999, 0.1, 0.1999, 0.2, 0.2999, 0.3):
        scores = Scores(0.9, preserved, 0.9, questions, doubts)
        verdict = decide("x/1", kind, scores, config)
        expected = Reason.NOT_PRESERVED if preserved < floor else None
        assert (verdict and verdict.reason) == expected, preserved


def test_the_floor_of_whole_pictures_is_a_setting() -> None:
    scores = Scores(0.9, 0.3, 0.9, "three-2", "")
    unlike = Scores(0.9, 0.3, 0.9, "three-2", "nothing_alike")
    strict, none = Config(whole_min_preserved=0.4), Config(min_preserved=0, whole_min_preserved=0)
    assert decide("x/1", STYLE, scores, strict) is not None
    assert decide("x/1", STYLE, unlike, strict) is not None
    assert decide("x/1", STYLE, Scores(0.9, 0.0, 0.9, "three-2", "nothing_alike"), none) is None
    entry = Config(whole_min_preserved=0.4, by_kind=("style_transfer.min_preserved=0.2",))
    assert decide("x/1", STYLE, scores, entry) is None


@pytest.mark.parametrize(
    ("kind", "preserved", "passes"),
    [
        (ADDITION, 0.45, False),  # by its family
        (Kind("addition", "rewrite", "object_addition"), 0.5, False),  # the higher of two
        (Kind("swap", "rewrite", ""), 0.55, False),
        (Kind("swap", "original", ""), 0.1, True),  # neither: what holds for all
        (STYLE, 0.0, True),
        (COMPLEX, 0.0, True),  # an entry may ask for less
    ],
)
def test_a_kind_of_edit_may_have_limits_of_its_own(
    kind: Kind, preserved: float, passes: bool
) -> None:
    entries = (
        "object_addition.min_preserved=0.5",
        "rewrite.min_preserved=0.6",
        "complex.min_preserved=0",
    )
    config = Config(min_preserved=0.1, by_kind=entries)
    verdict = decide("x/1", kind, Scores(0.9, preserved, 0.9), config)
    assert (verdict is None) == passes


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("complex", "no limit such as"),
        ("complex.min_preserved=-1", "no limit such as"),
        ("complexe.min_preserved=0.3", "no kind of edit 'complexe'; there are original, rewrite"),
        ("complex.min_done=0.3", "no limit 'min_done' by kind; there are min_preserved"),
        ("complex.min_preserved=1.2", "no number from 0 to 1"),
        ("complex.min_preserved=0.1.2", "no number from 0 to 1"),
        ("complex.min_psnr_outside=.", "no number from 0 to 60"),
    ],
)
def test_an_entry_that_cannot_be_read_is_refused(entry: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config(by_kind=(entry,))


OUTSIDE = {"psnr_outside": 28.0, "ssim_outside": 0.8}


def test_what_lies_outside_of_an_edit_is_not_asked_unless_a_limit_is_set() -> None:
    assert (
        changed_outside("x/1", ADDITION, {"psnr_outside": 1, "ssim_outside": 0}, Config()) is None
    )


@pytest.mark.parametrize(
    ("config", "kind", "passes"),
    [
        (Config(min_psnr_outside=28, min_ssim_outside=0.8), ADDITION, True),
        (Config(min_psnr_outside=28.1), ADDITION, False),
        (Config(min_ssim_outside=0.81), ADDITION, False),
        (Config(min_ssim_outside=0.81), STYLE, True),
        (Config(by_kind=("complex.min_ssim_outside=0.81",)), COMPLEX, False),
        (Config(by_kind=("complex.min_ssim_outside=0.81",)), ADDITION, True),
    ],
)
def test_limits_on_what_lies_outside_of_an_edit(config: Config, kind: Kind, passes: bool) -> None:
    verdict = changed_outside("x/1", kind, OUTSIDE, config)
    assert (verdict and verdict.reason) == (None if passes else Reason.CHANGED_OUTSIDE)


def test_what_lies_outside_of_a_mask_is_asked_likewise_and_the_unknown_is_not() -> None:
    config = Config(min_psnr_outside=25)
    unknown = {"psnr_outside": -1.0, "ssim_outside": -1.0}
    assert changed_outside("x/1", ADDITION, unknown, config) is None
    verdict = changed_outside("x/1", ADDITION, {**OUTSIDE, "psnr_outside_mask": 20.0}, config)
    assert verdict is not None
    assert verdict.detail == "psnr_outside_mask is 20.000, not 25.000."
