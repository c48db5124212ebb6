"""A paid answer that is damaged: what it has cost is known as long as anything of it is left."""

from decimal import Decimal

import pytest

from editcorpus.errors import ShardError
from editcorpus.ledger import Record
from editcorpus.responses import Responses
from editcorpus.storage import Store

KEY = "ab" * 32


def record() -> Record:
    call = ("p-0", KEY, "spring", 0, "omniedit/1", "regenerate", 0, "gpt-image-2")
    at = "2026-11-20T00:00:00.000+00:00"
    return Record(*call, Decimal("0.2"), at, "settled", {"image_out": 5}, "req_1", 1.5)


def opened(store: Store, *, repay: bool) -> Responses:
    made = Responses(store, repay=repay)
    made.read_index()
    return made


@pytest.fixture
def rotten(disk_store: Store) -> Store:
    """A store with one picture, of which one bit has flipped."""
    Responses(disk_store).keep_image(record(), b"\x89PNG" + b"x" * 1000)
    (path,) = disk_store.list("responses")
    data = bytearray(disk_store.read(path))
    data[-10] ^= 1
    disk_store.write(path, bytes(data))
    return disk_store


def test_the_price_is_told_however_often_the_picture_is_asked_for(rotten: Store):
    responses = opened(rotten, repay=False)
    for sentence in ("it was set aside", "is missing"):
        with pytest.raises(ShardError, match=sentence):
            responses.picture(KEY)
    for other in (responses, opened(rotten, repay=False)):
        assert other.lost(KEY) == (
            f"The answer {KEY} was paid for, at $0.2000, and is damaged in the store."
        )
        assert other.repairs() == (
            "1 paid answers are damaged in the store and were not asked for again, which would cost "
            "about $0.2000"
        )


def test_what_is_paid_again_is_added_up_and_no_more_lost(rotten: Store):
    responses = opened(rotten, repay=True)
    with pytest.raises(ShardError, match="it was set aside"):
        responses.picture(KEY)
    assert responses.repairs() == ""
    responses.keep_image(record(), b"\x89PNG")
    assert responses.lost(KEY) == ""
    assert responses.repairs() == (
        "1 paid answers that were damaged in the store were asked for again, for $0.2000"
    )
    assert rotten.list("damaged") == []
