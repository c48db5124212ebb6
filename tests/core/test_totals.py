"""What a run's calls add up to is the same whether each is held or none, however they are on record."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus.errors import StorageError
from editcorpus.journal import encode
from editcorpus.ledger import (
    Intent,
    Ledger,
    Record,
    Totals,
    journal_folder,
    read_history,
    read_totals,
    to_fields,
)
from editcorpus.responses import Responses
from editcorpus.storage import Store

RUN = "spring"
AT = "2026-11-20T00:00:00.000+00:00"


def intent(name: int, usd: str = "0.25", step: str = "regenerate", shard: int = 3) -> Intent:
    key = f"{name:064x}"
    model = "gpt-image-2"
    return Intent(f"p-{name}", key, RUN, shard, f"x/{name}", step, 0, model, Decimal(usd), AT)


def record(name: int, usd: str = "0.2", outcome="settled", **more) -> Record:
    return Record.of(intent(name, **more), Decimal(usd), AT, outcome, request_id="req_1")


def line_of(item: Intent | Record) -> bytes:
    kind = "intent" if isinstance(item, Intent) else "end"
    return encode(kind, item.key, **to_fields(item))


def written(store: Store, calls: Sequence[Intent | Record], process: str = "p") -> Store:
    store.write(f"{journal_folder(RUN)}/{process}/000000.jsonl", b"".join(map(line_of, calls)))
    return store


def same(first: Totals, second: Totals) -> bool:
    def dollars(of: Totals) -> dict[tuple[str, int], Decimal]:
        return {place: usd for place, usd in of.usd.items() if usd}

    plain = [replace(of, usd={}) for of in (first, second)]
    return dollars(first) == dollars(second) and plain[0] == plain[1]


NAMES = st.integers(0, 4)
CALLS = st.one_of(
    st.builds(intent, NAMES),
    st.builds(
        record,
        NAMES,
        st.sampled_from(["0", "0.1", "0.25"]),
        st.sampled_from(["settled", "damaged", "possibly", "free"]),
        step=st.sampled_from(["regenerate", "align"]),
        shard=st.integers(0, 1),
    ),
)


@settings(deadline=None)
@given(st.lists(st.lists(CALLS, max_size=8), max_size=3))
def test_totals_are_those_of_the_history_however_often_a_call_is_on_record(
    tmp_path_factory: pytest.TempPathFactory, journals: list[list[Intent | Record]]
):
    store = Store.on_disk(tmp_path_factory.mktemp("store"))
    for number, calls in enumerate(journals):
        written(store, calls, str(number))
    found, history = read_totals(store, RUN), read_history(store, RUN)
    assert same(found, history.totals)
    assert (found.spent, found.possibly) == (history.spent, len(history.possibly))


def test_a_picture_that_was_stored_before_its_end_settles_its_call(disk_store: Store):
    Responses(disk_store).keep_image(record(1), b"picture")
    written(disk_store, [intent(1), intent(2)])
    found = read_totals(disk_store, RUN)
    assert found.open == (intent(2),)
    assert (found.spent, found.settled["regenerate"]) == (Decimal("0.45"), 1)


def test_the_totals_of_one_process_leave_out_the_others(any_store: Store):
    for process, usd in (("a", "1"), ("b", "2")):
        written(any_store, [record(ord(process), usd)], process)
    assert read_totals(any_store, RUN, "b").spent == 2
    assert read_totals(any_store, "none") == Totals()


def test_a_damaged_line_is_told_with_its_place(disk_store: Store):
    path = f"{journal_folder(RUN)}/p/000000.jsonl"
    disk_store.write(path, line_of(intent(1)) + b"\0\n" + line_of(record(1)))
    with pytest.raises(StorageError, match="not known until that line is mended"):
        read_totals(disk_store, RUN)


def test_what_is_remembered_of_a_call_is_little(disk_store: Store):
    count = 4000
    written(disk_store, [make(name) for name in range(count) for make in (intent, record)])
    read_totals(disk_store, RUN)
    tracemalloc.start()
    try:
        ledger = Ledger(None, read_totals(disk_store, RUN))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert ledger.spent == count * Decimal("0.2")
    assert peak < 100 * count
