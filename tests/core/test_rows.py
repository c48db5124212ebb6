"""Who a row is, and what it asks for."""

from collections import Counter

import pytest

from editcorpus.records import Reason, Rejected
from editcorpus.rows import Place, choose_instruction, identify


@pytest.mark.parametrize("key", ["task_obj_add_1", "000123", "a.b-c_d", "x" * 128, "a=b,c@d+e"])
def test_ordinary_ids_pass(key):
    assert identify("toy", key, Place("a.parquet", 0, 0)) == f"toy/{key}"


def test_numbers_may_be_ids():
    assert identify("toy", 0, Place("a.parquet", 0, 0)) == "toy/0"


def test_the_paraphrase_follows_from_seed_and_id():
    texts = ["one", "two", "three"]
    chosen = [choose_instruction(texts, 0, f"toy/{n}") for n in range(600)]
    assert chosen == [choose_instruction(texts, 0, f"toy/{n}") for n in range(600)]
    assert chosen != [choose_instruction(texts, 1, f"toy/{n}") for n in range(600)]
    assert all(texts[index] == text for index, text in chosen)
    assert all(count > 150 for count in Counter(chosen).values())


def test_unusable_paraphrases_are_never_chosen():
    texts = [None, "", "!" * 512, ' "Make it blue." ', "x y " * 2000]
    assert {choose_instruction(texts, seed, "toy/1") for seed in range(20)} == {
        (3, "Make it blue.")
    }


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (None, Reason.EMPTY_INSTRUCTION),
        ([], Reason.EMPTY_INSTRUCTION),
        (["", None, '""'], Reason.EMPTY_INSTRUCTION),
        (["", "!" * 512], Reason.DEGENERATE_INSTRUCTION),
        ([" ".join(map(str, range(2000)))], Reason.OVERLONG_INSTRUCTION),
    ],
)
def test_a_row_without_a_usable_instruction_is_rejected(texts, reason):
    rejected = choose_instruction(texts, 0, "toy/1")
    assert isinstance(rejected, Rejected)
    assert (rejected.id, rejected.step, rejected.reason) == ("toy/1", "plan", reason)
