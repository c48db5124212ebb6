"""A parent over finished shards: it skips them by their roll-ups, whatever their number."""

import pytest
from rerun import Rerun, finished_store

pytestmark = [pytest.mark.s3, pytest.mark.scale]
FEW, MANY = 200, 1_000
OF_A_PARTITION = 6
"""Requests for each 100 shards: the roll-up and its verdicts, twice, and the journal, twice."""
OF_A_PAGE = 2
"""Lists of the corpus' files, of 1,000 names each."""


@pytest.fixture(scope="module")
def reruns() -> dict[int, Rerun]:
    found = {}
    for shards in (FEW, MANY):
        with finished_store(shards) as again:
            found[shards] = again()
    return found


def test_requests_grow_with_partitions_and_not_with_shards(reruns: dict[int, Rerun]) -> None:
    few, many = reruns[FEW], reruns[MANY]
    more = OF_A_PARTITION * (MANY - FEW) // 100 + OF_A_PAGE * MANY // 1_000
    assert many.requests - few.requests <= more, (few.by_method, many.by_method)


def test_nothing_is_asked_and_nothing_is_written_anew(reruns: dict[int, Rerun]) -> None:
    for shards, again in reruns.items():
        assert again.left == 0
        assert again.entered == shards
        assert again.kept == shards - -(-shards // 20)
        assert again.calls == 0
