"""Digests of journals: a start knows the same with them as without, whatever has become of them."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editcorpus import digests
from editcorpus.bookings import Intent, Record, to_fields
from editcorpus.errors import StorageFull
from editcorpus.journal import Journal, encode
from editcorpus.keeping import open_journal
from editcorpus.ledger import Ledger, read_history, read_totals
from editcorpus.records import Reason
from editcorpus.refusals import Refusal, refusal_line, revoked_line
from editcorpus.responses import Responses, text_line
from editcorpus.storage import Store
from editcorpus.totals import Totals

RUN = "spring"
FILE = f"journal/{RUN}/p/000000.jsonl"
AT = "2026-11-20T00:00:00.000+00:00"


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is a group of its own, and every group is worth a digest."""
    monkeypatch.setattr(digests, "GROUP_BYTES", 1)
    monkeypatch.setattr(digests, "LEAST_BYTES", 1)


def intent(name: int) -> Intent:
    call = (RUN, 3, f"x/{name}", "align", 0, "judge")
    return Intent(f"p-{name}", f"{name:064x}", *call, Decimal("0.25"), AT)


def record(name: int, usd: str = "0.2", outcome="settled") -> Record:
    return Record.of(intent(name), Decimal(usd), AT, outcome, request_id="req_1")


def line_of(item: Intent | Record) -> bytes:
    kind = "intent" if isinstance(item, Intent) else "end"
    return encode(kind, item.key, **to_fields(item))


def plain(totals: Totals) -> tuple[object, ...]:
    dollars = {place: usd for place, usd in totals.usd.items() if usd}
    counts = (+totals.outcomes, +totals.settled, +totals.damaged)
    return totals.ended_usd, *counts, dollars, set(totals.open), totals.spent


CALLS = st.one_of(
    st.builds(intent, st.integers(0, 4)),
    st.builds(
        record,
        st.integers(0, 4),
        st.sampled_from(["0", "0.1"]),
        st.sampled_from(["settled", "free", "damaged"]),
    ),
)


@settings(deadline=None)
@given(st.lists(st.lists(CALLS, min_size=1, max_size=6), min_size=1, max_size=4))
def test_money_is_the_same_with_digests_and_without(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[Intent | Record]]
):
    store = Store.on_disk(tmp_path_factory.mktemp("store"))
    for number, calls in enumerate(files):
        store.write(f"journal/{RUN}/p/{number:06d}.jsonl", b"".join(map(line_of, calls)))
    wanted = plain(read_history(store, RUN).totals)
    for keep in (False, True, False):
        assert plain(read_totals(store, RUN, keep=keep)) == wanted
    assert len(store.list("digests")) == len(files)


def blank(store: Store, path: str) -> None:
    """Take all that a file tells, but not its length."""
    store.write(path, b"\n".rjust(store.size(path)))


def test_files_that_have_a_digest_are_not_read(any_store: Store):
    calls = [make(name) for name in range(40) for make in (intent, record)]
    any_store.write(FILE, b"".join(map(line_of, [*calls, intent(50)])))
    wanted = plain(read_totals(any_store, RUN, keep=True))
    blank(any_store, FILE)
    assert plain(read_totals(any_store, RUN)) == wanted
    any_store.write(f"journal/{RUN}/p/000001.jsonl", line_of(record(50)))
    found = read_totals(any_store, RUN)
    assert (found.spent, found.open) == (Decimal("8.2"), ())


def test_only_who_owns_the_run_writes_digests(disk_store: Store):
    disk_store.write(FILE, line_of(intent(1)))
    assert read_totals(disk_store, RUN).spent == Decimal("0.25")
    assert Responses(disk_store).read_index(keep=False) == 0
    assert disk_store.list("digests") == []


@pytest.mark.parametrize("harm", ["grown", "torn", "other"])
def test_a_digest_of_other_bytes_is_none(disk_store: Store, harm: str):
    disk_store.write(FILE, line_of(intent(1)))
    read_totals(disk_store, RUN, keep=True)
    (path,) = disk_store.list("digests")
    whole = disk_store.read(path)
    if harm == "grown":
        disk_store.write(FILE, line_of(intent(1)) + line_of(record(1)))
    else:
        disk_store.write(path, whole[:-9] if harm == "torn" else whole.replace(b"0.25", b"0.01"))
    assert plain(read_totals(disk_store, RUN, keep=True)) == plain(
        read_history(disk_store, RUN).totals
    )
    assert (disk_store.read(path) == whole) == (harm != "grown")


def texts(store: Store) -> Responses:
    made = Responses(store)
    made.read_index()
    return made


def test_texts_and_refusals_are_found_by_a_digest(any_store: Store):
    says = Refusal(Reason.MODERATION_INPUT, "No.")
    lines = [text_line(record(name), f'{{"n":{name}}}') for name in range(30)]
    lines += [refusal_line(record(40), says), refusal_line(record(41), says)]
    any_store.write(FILE, b"".join([*lines, revoked_line(record(41).key, AT)]))
    any_store.write(f"journal/{RUN}/q/000000.jsonl", text_line(record(77), "{}"))
    first = texts(any_store)
    assert len([path for path in any_store.list("digests") if path.endswith(".texts")]) == 2
    for responses in (first, texts(any_store)):
        for name in (0, 29, 77):
            found = responses.text(record(name).key)
            assert found is not None
            assert found.record == record(name)
        assert responses.refusal(record(40).key) == Refusal(Reason.MODERATION_INPUT, "No.", AT)
        assert responses.refusal(record(41).key) is None


def test_what_is_damaged_is_told_at_every_start(
    disk_store: Store, caplog: pytest.LogCaptureFixture
):
    disk_store.write(FILE, text_line(record(1), "{}").replace(b"0.2", b"0.3"))
    for _ in range(2):
        caplog.clear()
        assert texts(disk_store).damaged == {record(1).key}
        assert "is damaged in 1 places" in caplog.text


def test_a_full_disk_costs_time_alone(
    disk_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    disk_store.write(FILE, line_of(intent(1)))

    def full(path: str, data: bytes) -> None:
        raise StorageFull(f"{path} has no room for {len(data)} bytes.")

    monkeypatch.setattr(disk_store, "write", full)
    assert read_totals(disk_store, RUN, keep=True).spent == Decimal("0.25")
    assert "reads these journals whole" in caplog.text


def kept(journal: Journal) -> None:
    """Let all digests be kept that the journal has asked for, and close it."""
    journal._digester.submit(int).result()
    journal.close()


def test_a_file_that_still_grows_has_no_digest_yet(
    disk_store: Store, monkeypatch: pytest.MonkeyPatch
):
    calls = [make(name) for name in range(4) for make in (intent, record)]
    monkeypatch.setattr("editcorpus.sinks.FILE_BYTES", 3 * len(line_of(intent(1))))
    monkeypatch.setattr("editcorpus.keeping.GROUP_BYTES", 1)

    async def write() -> None:
        journal = open_journal(disk_store, RUN, "p", 0)
        for call in calls:
            await journal.durable(line_of(call))
            journal._digester.submit(int).result()
        await asyncio.get_running_loop().run_in_executor(None, kept, journal)

    asyncio.run(write())
    *whole, _ = disk_store.list(f"journal/{RUN}/p")
    assert len(whole) > 1
    wanted = plain(read_totals(disk_store, RUN))
    for path in whole:
        blank(disk_store, path)
    assert plain(read_totals(disk_store, RUN)) == wanted


def test_a_journal_keeps_digests_as_it_grows(disk_store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("editcorpus.sinks.FILE_BYTES", 1)
    monkeypatch.setattr("editcorpus.keeping.GROUP_BYTES", 1)

    async def write(calls: Sequence[Intent | Record]) -> None:
        journal = open_journal(disk_store, RUN, "p", 0)
        for call in calls:
            await journal.durable(line_of(call))
        await asyncio.get_running_loop().run_in_executor(None, kept, journal)

    asyncio.run(write([intent(1), record(1), intent(2)]))
    kinds = {Path(path).suffix for path in disk_store.list("digests")}
    assert kinds == {".money", ".texts"}
    blank(disk_store, FILE)
    assert Ledger(None, read_totals(disk_store, RUN)).spent == Decimal("0.45")
