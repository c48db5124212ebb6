"""What instructions have in common, estimated; which are found; what is said of all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from editcorpus.similar import minhash
from editcorpus.similar.minhash import alike, plain_text, resemblance, signatures
from editcorpus.similar.wording import group_wording, wording

WORDS = [
    "add",
    "remove",
    "a red",
    "balloon",
    "cat",
    "to the left of",
    "the tree",
    "in winter",
    "two",
]


def common(one: str, other: str) -> float:
    """The share of runs of four characters that two texts have in common."""
    sets = []
    for text in (one, other):
        plain = plain_text(text).ljust(4)
        sets.append({plain[at : at + 4] for at in range(len(plain) - 3)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(3, 9)).tolist()) for _ in range(count)]


def pairs(one: list[str], other: list[str], least: float = 0.8) -> set[tuple[int, int]]:
    blocks = alike(signatures(one), signatures(other), least)
    return {
        pair
        for left, right, _ in blocks
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    }


def test_estimates_are_near_the_truth() -> None:
    texts = sentences(400)
    signed = signatures(texts)
    estimates = resemblance(signed[:200], signed[200:])
    truth = np.array([common(*pair) for pair in zip(texts[:200], texts[200:], strict=True)])
    assert np.abs(estimates - truth).max() < 0.2  # more than four standard errors
    assert abs((estimates - truth).mean()) < 0.02


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Make it SNOW!", "make it snow"),
        ("Add a cat,  please.", "add a cat please"),
        ("caf\u00e9 at night", "cafe\u0301 at night"),
        ("\uff41\uff44\uff44 a dog", "Add a dog"),
    ],
)
def test_case_marks_and_composition_do_not_count(one: str, other: str) -> None:
    signed = signatures([one, other])
    assert (signed[0] == signed[1]).all()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=12))
def test_a_signature_does_not_depend_on_the_texts_beside_it(texts: list[str]) -> None:
    together = signatures(texts)
    assert (together == np.concatenate([signatures([text]) for text in texts])).all()
    for row, text in zip(together, texts, strict=True):
        assert row.any() == bool(plain_text(text))


def test_long_lists_are_signed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = sentences(50)
    whole = signatures(texts)
    monkeypatch.setattr(minhash, "_BATCH", 7)
    assert (signatures(texts) == whole).all()


def test_nearly_the_same_words_are_found_and_others_are_not() -> None:
    ours = ["Remove the tall old tree from behind the small wooden house", "Make it snow", "?!"]
    theirs = [
        "remove the tall old tree from behind a small wooden house.",
        "Remove the house",
        "make it snow!",
        "...",
    ]
    assert pairs(ours, theirs) == {(0, 0), (1, 2)}


def test_all_pairs_that_share_a_band_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = sentences(60, 1), sentences(60, 1) + sentences(60, 2)
    whole = pairs(one, other)
    assert {(n, n) for n in range(60)} <= whole
    counts = sum(len(left) for left, *_ in alike(signatures(one), signatures(other)))
    assert counts == len(whole)
    monkeypatch.setattr(minhash, "_BLOCK", 3)
    assert pairs(one, other) == whole


def test_texts_are_grouped_and_counted() -> None:
    texts = ["Make it snow.", "Add a cat", "make it snow", "", "Make it snow!!", "add a cat"]
    found = wording(signatures(texts))
    assert (found.instructions, found.distinct, found.groups) == (5, 2, 2)
    assert found.common == ((0, 3), (1, 2))
    assert group_wording(signatures(texts)).tolist() == [0, 1, 0, 3, 0, 1]


def test_a_corpus_that_says_one_thing_is_done_at_once() -> None:
    many = np.repeat(signatures(["Remove the background"]), 100_000, 0)
    assert wording(many).common == ((0, 100_000),)


def test_no_text_is_no_group() -> None:
    assert wording(signatures(["", "!"])).groups == 0
    assert wording(signatures([])).instructions == 0
