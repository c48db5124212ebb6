"""What the journals of a run say: every call that ended, and every one whose end is unknown."""

from dataclasses import replace
from decimal import Decimal

import pytest

from editcorpus.errors import StorageError
from editcorpus.journal import encode
from editcorpus.ledger import (
    History,
    Intent,
    Record,
    image_path,
    journal_folder,
    read_header,
    read_history,
    to_fields,
)
from editcorpus.responses import Responses, text_line
from editcorpus.storage import Store

KEY = "ab" * 32
RUN = "spring"
JOURNAL = f"{journal_folder(RUN)}/p/000000.jsonl"


def intent(attempt: str = "p-0", usd: str = "0.25", key: str = KEY, **more) -> Intent:
    at = "2026-11-20T00:00:00.000+00:00"
    made = Intent(
        attempt, key, RUN, 3, "omniedit/1", "regenerate", 0, "gpt-image-2", Decimal(1), at
    )
    return replace(made, usd=Decimal(usd), **more)


def record(attempt: str = "p-0", usd: str = "0.2", outcome="settled", **more) -> Record:
    at = "2026-11-20T00:01:00.000+00:00"
    return Record.of(intent(attempt, **more), Decimal(usd), at, outcome, request_id="req_1")


def line_of(item: Intent | Record, kind: str | None = None) -> bytes:
    kind = kind or ("intent" if isinstance(item, Intent) else "end")
    return encode(kind, item.key, **to_fields(item))


def history(store: Store, *lines: bytes) -> History:
    store.write(JOURNAL, b"".join(lines))
    return read_history(store, RUN)


def test_a_call_is_settled_by_its_end(any_store: Store):
    found = history(any_store, line_of(intent()), line_of(record()))
    assert found == History((record(),), ())
    assert (found.spent, found.possibly) == (Decimal("0.2"), ())


def test_a_call_is_settled_by_its_text(disk_store: Store):
    found = history(disk_store, line_of(intent()), text_line(record(), "{}"))
    assert found == History((record(),), ())


def test_a_call_is_settled_by_its_stored_picture_where_the_end_is_lost(any_store: Store):
    Responses(any_store).keep_image(record(), b"picture")
    found = history(any_store, line_of(intent()))
    assert found == History((record(),), ())


def test_a_call_without_any_end_is_possibly_billed_at_its_worst_case(any_store: Store):
    found = history(any_store, line_of(intent()))
    assert found == History((), (intent(),))
    assert (found.spent, found.possibly) == (Decimal("0.25"), (intent(),))


def test_a_picture_of_another_attempt_settles_nothing(disk_store: Store):
    Responses(disk_store).keep_image(record("other-7"), b"picture")
    found = history(disk_store, line_of(intent("p-0")), line_of(intent("p-1")))
    assert [item.attempt for item in found.open] == ["p-0", "p-1"]
    assert found.records == ()


@pytest.mark.parametrize("data", [b"", b"{}\npicture", b"\x89PNG no header", b"x" * 3_000_000])
def test_a_picture_without_our_header_settles_nothing(disk_store: Store, data: bytes, caplog):
    disk_store.write(image_path(KEY), data)
    assert history(disk_store, line_of(intent())).open == (intent(),)
    assert "is damaged" in caplog.text


def test_a_header_of_another_request_settles_nothing(disk_store: Store, caplog):
    Responses(disk_store).keep_image(record(key="cd" * 32), b"picture")
    disk_store.write(image_path(KEY), disk_store.read(image_path("cd" * 32)))
    assert read_header(disk_store, KEY) is None
    assert "its header is not its own" in caplog.text


def test_a_long_header_is_read_whole(any_store: Store):
    long = record(id="omniedit/" + "x" * 20_000)
    Responses(any_store).keep_image(long, b"picture")
    header = read_header(any_store, KEY)
    assert header is not None
    assert header.record == long
    assert any_store.read_range(image_path(KEY), header.start, header.size) == b"picture"


def test_history_joins_all_processes_and_knows_no_other_run(disk_store: Store):
    for process in "abc":
        path = f"{journal_folder(RUN)}/{process}/000000.jsonl"
        disk_store.write(path, line_of(intent(process)) + line_of(record(process)))
    disk_store.write(f"{journal_folder(RUN + '2')}/d/000000.jsonl", line_of(intent("d")))
    assert [item.attempt for item in read_history(disk_store, RUN).records] == ["a", "b", "c"]
    assert read_history(disk_store, "none") == History((), ())


def test_an_end_that_is_written_twice_counts_once(disk_store: Store):
    assert history(disk_store, line_of(record()), line_of(record())).spent == Decimal("0.2")


def test_lines_of_a_later_version_are_no_money(disk_store: Store):
    found = history(disk_store, line_of(intent()), encode("lease", KEY, until=1), line_of(record()))
    assert found == History((record(),), ())


def test_a_torn_last_line_is_no_call(disk_store: Store):
    whole = line_of(intent()) + line_of(record())
    torn = line_of(intent("p-1"))
    for cut in (0, 1, 20, len(torn) // 2, len(torn) - 1):
        assert history(disk_store, whole, torn[:cut]) == History((record(),), ())


def test_a_damaged_line_stops_the_run_with_its_place(disk_store: Store):
    whole = line_of(intent())
    with pytest.raises(StorageError, match=rf"at byte {len(whole)}; .* not known until") as caught:
        history(disk_store, whole, b"\0" * 10 + b"\n", line_of(record()))
    assert "\n" not in str(caught.value)
