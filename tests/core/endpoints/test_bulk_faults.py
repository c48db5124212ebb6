"""Batches when connections break, when nobody knows what the API did, and when it answers with nonsense."""

import json
import logging
from dataclasses import replace
from threading import Event

import pytest

from editcorpus.endpoints.requests import Answered, Dropped
from editcorpus.errors import (
    EndpointStopped,
    Interrupted,
    RunStopped,
    StorageError,
    StorageFull,
)
from editcorpus.journal import Journal
from editcorpus.sinks import Place
from editcorpus.storage import Store


def lose(_: bytes) -> None:
    return None


CREATE, CONTENT = "POST /v1/batches", "GET /v1/files/[^/]+/content"


def rounds(bulk, engine, asks) -> None:
    for _ in range(8):
        if bulk.queue(engine, asks).kinds() == {"Answered": len(asks)}:
            return
        bulk.wait(engine)
    raise AssertionError("all is answered after a few rounds")


@pytest.mark.parametrize("call", ["POST /v1/files", "GET /v1/batches/.*", "DELETE .*", CONTENT])
@pytest.mark.parametrize("heard", [True, False])
def test_a_connection_that_breaks_costs_nothing(bulk, meddler, call: str, heard: bool) -> None:
    meddler.spoil(call, lose, heard=heard)
    asks = bulk.make.edits(3)
    with bulk.engine(meddler.url) as engine:
        rounds(bulk, engine, asks)
    assert meddler.rules[0][1] == 0, "it was struck"
    proven = bulk.audit()
    assert proven.by_outcome() == {"settled": 3} and bulk.calls() == 3
    bulk.prove_clean()


def test_a_batch_whose_making_was_not_answered_is_found(bulk, meddler) -> None:
    meddler.spoil(CREATE, lose)
    with bulk.engine(meddler.url) as engine:
        rounds(bulk, engine, bulk.make.edits(3))
    assert len(bulk.batches()) == 1 and bulk.calls() == 3
    assert bulk.audit().by_outcome() == {"settled": 3}
    bulk.prove_clean()


def test_a_batch_that_was_never_made_is_made_anew_from_the_same_lines(bulk, meddler) -> None:
    meddler.spoil(CREATE, lose, times=2, heard=False)
    with bulk.engine(meddler.url, probe_s=0.01) as engine:
        bulk.queue(engine, bulk.make.edits(3))
        bulk.wait(engine)
    (batch,) = bulk.batches()
    assert batch["metadata"]["editcorpus"].endswith("-0001.3")
    assert bulk.audit().by_outcome() == {"settled": 3} and bulk.calls() == 3
    bulk.prove_clean()


def test_an_endpoint_that_never_makes_a_batch_leaves_it_waiting(bulk, meddler) -> None:
    meddler.spoil(CREATE, lose, times=4, heard=False)
    with bulk.engine(meddler.url, probe_s=0.01) as engine:
        bulk.queue(engine, bulk.make.edits(2))
        rounds(bulk, engine, bulk.make.edits(2))
    assert bulk.audit().by_outcome() == {"settled": 2} and bulk.calls() == 2
    bulk.prove_clean()


def test_a_proxys_page_in_place_of_an_answer_is_no_answer(bulk, meddler) -> None:
    for call in ("POST /v1/files", CREATE, "GET /v1/batches/.*"):
        meddler.spoil(call, lambda _: b"<html>Sign in</html>")
    with bulk.engine(meddler.url) as engine:
        rounds(bulk, engine, bulk.make.edits(2))
    assert bulk.audit().by_outcome() == {"settled": 2} and bulk.calls() == 2
    assert len(bulk.batches()) == 1
    bulk.prove_clean()


def _id_of_nothing(body: bytes) -> bytes:
    return json.dumps({**json.loads(body), "id": "../../etc/passwd"}).encode()


def test_a_name_that_is_a_trick_is_no_name(bulk, meddler) -> None:
    meddler.spoil("POST /v1/files", _id_of_nothing)
    with bulk.engine(meddler.url) as engine:
        rounds(bulk, engine, bulk.make.edits(2))
    assert bulk.audit().by_outcome() == {"settled": 2}
    bulk.prove_clean()


def _torn(body: bytes) -> bytes:
    """Lines that nobody can read, one of a stranger, one twice, and all the others."""
    lines = body.splitlines(keepends=True)
    stranger = lines[0].replace(b'"custom_id": "', b'"custom_id": "nobody-')
    nonsense = [
        b"{\n",
        b"[]\n",
        b'{"custom_id": 7}\n',
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b"\n",
    ]
    return b"".join([*nonsense, stranger, lines[0], *lines])


def test_lines_that_make_no_sense_are_passed_over(bulk, meddler, caplog) -> None:
    meddler.spoil(CONTENT, _torn)
    asks = bulk.make.chats(3)
    with bulk.engine(meddler.url) as engine, caplog.at_level(logging.WARNING):
        bulk.queue(engine, asks)
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 3}
    assert caplog.text.count("cannot be read") == 5
    assert bulk.audit().by_outcome() == {"settled": 3}
    bulk.prove_clean()


def test_a_line_that_is_missing_is_possibly_billed(bulk, meddler, caplog) -> None:
    meddler.spoil(CONTENT, lambda body: body.partition(b"\n")[2])
    with bulk.engine(meddler.url) as engine, caplog.at_level(logging.WARNING):
        bulk.queue(engine, bulk.make.chats(3))
        bulk.wait(engine)
    assert "1 of its lines are in none of its files" in caplog.text
    assert bulk.audit().by_outcome() == {"settled": 2, "possibly": 1}


@pytest.mark.parametrize(
    "member",
    [
        '"response": null, "error": {"code": "batch_expired", "message": "Too late."}',
        '"response": null, "error": {"code": "server_error", "message": "It broke."}',
        '"response": {"status_code": 500, "body": {"error": {"type": "server_error"}}}',
    ],
)
def test_a_line_that_failed_may_be_asked_again_for_nothing(bulk, meddler, member: str) -> None:
    def failed(body: bytes) -> bytes:
        custom_id = json.loads(body)["custom_id"]
        return f'{{"custom_id": "{custom_id}", {member}}}\n'.encode()

    meddler.spoil(CONTENT, failed)
    ask = bulk.make.chat(1)
    with bulk.engine(meddler.url) as engine:
        bulk.queue(engine, [ask])
        bulk.wait(engine)
        assert engine.books.ledger.spent == 0
        rounds(bulk, engine, [ask])
    assert {one.outcome for one in bulk.history().records} == {"free", "settled"}


@pytest.mark.parametrize("body", ["null", "[]", "7", '"text"', '{"data": [{"b64_json": 5}]}', "{}"])
def test_an_answer_of_another_shape_is_damaged(bulk, meddler, body: str) -> None:
    def shaped(content: bytes) -> bytes:
        custom_id = json.loads(content)["custom_id"]
        response = f'{{"status_code": 200, "request_id": 5, "body": {body}}}'
        return f'{{"custom_id": "{custom_id}", "response": {response}}}'.encode()

    meddler.spoil(CONTENT, shaped)
    with bulk.engine(meddler.url) as engine:
        bulk.queue(engine, [bulk.make.edit(1)])
        bulk.wait(engine)
    assert {one.outcome for one in bulk.history().records} == {"damaged"}


def test_a_line_without_end_is_damaged_and_not_held(bulk, meddler, monkeypatch) -> None:
    monkeypatch.setattr("editcorpus.endpoints.bulk.desk.LONGEST_LINE", 10_000)
    ask = bulk.make.edit(1)
    with bulk.engine(meddler.url) as engine:
        for _ in range(3):
            bulk.queue(engine, [ask])
            bulk.wait(engine)
        (dropped,) = bulk.queue(engine, [ask]).of(Dropped)
    assert "damaged 3 times" in dropped.detail
    assert {one.outcome for one in bulk.history().records} == {"damaged"}


def test_a_batch_that_this_key_does_not_see_stops_the_run(bulk, meddler) -> None:
    asks = bulk.make.chats(2)
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
    meddler.says["GET /v1/batches/.*"] = 404
    with bulk.engine(meddler.url) as engine:
        engine.bulk.adopt()
        with pytest.raises(EndpointStopped, match="use a key of the project"):
            bulk.wait(engine)
    with bulk.engine() as engine:
        engine.bulk.adopt()
        bulk.wait(engine)
        assert len(bulk.take(engine, asks).of(Answered)) == 2
    assert bulk.audit().by_outcome() == {"settled": 2} and bulk.calls() == 2


def test_an_interrupt_during_an_upload_ends_it_after_some_patience(bulk, meddler) -> None:
    reached, gate = Event(), Event()

    def hang(body: bytes) -> bytes:
        reached.set()
        gate.wait(30)
        return body

    meddler.spoil("POST /v1/files", hang)
    stopped: list[BaseException] = []

    def ask(engine) -> None:
        try:
            bulk.queue(engine, bulk.make.edits(2))
        except Interrupted as error:
            stopped.append(error)

    with bulk.engine(meddler.url, patience_s=0.1) as engine:
        thread = bulk.thread(lambda: ask(engine))
        assert reached.wait(30)
        engine.stop()
        thread.join(300)
        assert not thread.is_alive() and len(stopped) == 1
    gate.set()
    assert bulk.audit().by_outcome() == {} and bulk.batches() == []


class SmallStore(Store):
    """A store whose disk is full for answers, until somebody makes room."""

    full = True

    def write(self, path: str, data: bytes) -> None:
        if path.startswith("responses/") and self.full:
            raise StorageFull("No space is left for the store.")
        super().write(path, data)


def test_answers_that_the_disk_cannot_take_stay_at_the_api(bulk) -> None:
    asks = bulk.make.edits(3)
    small = SmallStore(bulk.store.root)
    with bulk.engine(responses_in=small) as engine:
        bulk.queue(engine, asks)
        with pytest.raises(StorageFull):
            bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"open": 3}
    with bulk.engine() as engine:
        engine.bulk.adopt()
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 3}
    proven = bulk.audit()
    assert proven.by_outcome() == {"settled": 3} and proven.usd() == proven.history.spent
    assert bulk.calls() == 3
    bulk.prove_clean()


class DumbStore(Store):
    """A store that takes no records of batches."""

    def write(self, path: str, data: bytes) -> None:
        if "/batches/" in path:
            raise StorageError(f"{path} cannot be written.")
        super().write(path, data)


def test_a_batch_that_cannot_be_put_on_record_is_not_submitted(bulk) -> None:
    with bulk.engine(responses_in=DumbStore(bulk.store.root)) as engine:
        with pytest.raises(RunStopped, match="cannot be written"):
            bulk.queue(engine, bulk.make.chats(3))
        assert engine.books.ledger.reserved == 0
    assert bulk.batches() == [] and bulk.audit().usd() == 0 == bulk.history().spent


class SmallJournal(Journal):
    """A journal that has no space for intents."""

    async def durable(self, line: bytes) -> Place:
        if line.startswith(b'{"t":"intent"'):
            raise StorageFull("No space is left for the journal.")
        return await super().durable(line)


def test_a_batch_whose_intents_cannot_be_written_is_not_submitted(bulk) -> None:
    with bulk.engine(journal=SmallJournal) as engine:
        with pytest.raises(StorageFull):
            bulk.queue(engine, bulk.make.chats(3))
        assert engine.books.ledger.reserved == 0
    assert bulk.batches() == [] and bulk.history().spent == 0
    with bulk.engine() as engine:
        engine.bulk.adopt()
        bulk.queue(engine, bulk.make.chats(3))
        bulk.wait(engine)
    assert bulk.audit().by_outcome()["settled"] == 3
    bulk.prove_clean()


@pytest.mark.s3
def test_a_batch_of_a_dead_process_is_taken_over_on_a_bucket(bulk, s3_store) -> None:
    there = replace(bulk, store=s3_store)
    asks = there.make.edits(2)
    with there.engine() as engine:
        there.queue(engine, asks)
    with there.engine() as engine:
        engine.bulk.adopt()
        there.wait(engine)
        assert there.take(engine, asks).kinds() == {"Answered": 2}
    proven = there.audit()
    assert proven.by_outcome() == {"settled": 2} and proven.usd() == proven.history.spent
    there.prove_clean()
