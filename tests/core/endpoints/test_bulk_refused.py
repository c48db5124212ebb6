"""Batches when files, batches and their makers refuse: what waits, what stops, and what is told."""

import asyncio
import logging
import tempfile
import time

import pytest

from editcorpus.endpoints.bulk import desk as desks
from editcorpus.endpoints.bulk.desk import Desk
from editcorpus.endpoints.endpoint import endpoint_from
from editcorpus.errors import EndpointStopped, RunStopped, StorageError
from editcorpus.journal import Journal
from editcorpus.records import Reason
from editcorpus.storage import Store

CREATE, CONTENT, LOOK = "POST /v1/batches", "GET /v1/files/[^/]+/content", "GET /v1/batches/.*"


def lose(_: bytes) -> None:
    return None


def test_a_picture_that_the_api_refuses_hinders_no_other_run(bulk, meddler) -> None:
    meddler.says["POST /v1/files"] = 400
    with bulk.engine(meddler.url) as engine:
        taken = bulk.queue(engine, bulk.make.edits(2))
        assert {one.reason for one in taken.outcomes} == {Reason.UNAVAILABLE}
        assert engine.books.ledger.reserved == 0
        assert not engine.bulk.holds(bulk.make.edit(0).key)
        bulk.wait(engine)
    assert bulk.audit().by_outcome() == {}
    bulk.prove_clean()


@pytest.mark.parametrize("call", ["POST /v1/files", CREATE])
def test_a_batch_that_the_api_refuses_stops_the_run_and_costs_nothing(bulk, meddler, call) -> None:
    meddler.says[call] = 400
    with bulk.engine(meddler.url) as engine:
        with pytest.raises(EndpointStopped, match="The API refused the request"):
            bulk.queue(engine, bulk.make.chats(2))
        assert engine.books.ledger.reserved == 0
    assert bulk.audit().by_outcome() == {"free": 2}


def test_a_batch_that_nobody_can_look_at_is_looked_at_later(bulk, meddler, caplog) -> None:
    meddler.spoil(LOOK, lose, times=6, heard=False)  # the client asks a lost connection twice
    meddler.spoil(CONTENT, lose, times=6)
    with bulk.engine(meddler.url) as engine, caplog.at_level(logging.WARNING):
        bulk.queue(engine, bulk.make.chats(2))
        bulk.wait(engine)
    assert "was not looked at" in caplog.text and "is collected later" in caplog.text
    assert bulk.audit().by_outcome() == {"settled": 2}
    bulk.prove_clean()


def test_a_file_that_is_gone_leaves_its_lines_possibly_billed(bulk, meddler, caplog) -> None:
    meddler.says[CONTENT] = 404
    with bulk.engine(meddler.url) as engine, caplog.at_level(logging.WARNING):
        bulk.queue(engine, bulk.make.chats(2))
        bulk.wait(engine)
    assert "is gone" in caplog.text
    assert bulk.audit().by_outcome() == {"possibly": 2}


def test_a_file_that_may_not_be_read_stops_the_run_and_is_read_later(bulk, meddler) -> None:
    meddler.says[CONTENT] = 403
    asks = bulk.make.chats(2)
    with bulk.engine(meddler.url) as engine:
        bulk.queue(engine, asks)
        with pytest.raises(EndpointStopped, match="may not make such calls"):
            bulk.wait(engine)
    with bulk.engine() as engine:
        engine.bulk.adopt()
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 2}
    assert bulk.audit().by_outcome() == {"settled": 2}
    bulk.prove_clean()


def test_files_that_cannot_be_deleted_are_deleted_by_the_next_start(bulk, meddler, caplog) -> None:
    meddler.says["DELETE .*"] = 403
    with bulk.engine(meddler.url) as engine, caplog.at_level(logging.WARNING):
        bulk.queue(engine, bulk.make.edits(2))
        bulk.wait(engine)
    assert "2 files of the batch" in caplog.text
    assert bulk.sandbox.admin("summary")["files"] == 3
    with bulk.engine() as engine:
        assert engine.bulk.adopt() == ()
    assert bulk.audit().by_outcome() == {"settled": 2}
    bulk.prove_clean()


def test_files_that_cannot_be_listed_are_left_to_the_next_start(bulk, meddler, caplog) -> None:
    meddler.says["GET /v1/files[?].*"] = 400
    with bulk.engine(meddler.url) as engine, caplog.at_level(logging.WARNING):
        bulk.queue(engine, bulk.make.edits(2))
        bulk.wait(engine)
    assert "deleted later" in caplog.text
    bulk.prove_clean()


def test_a_batch_that_cannot_be_cancelled_goes_on(bulk, meddler, caplog) -> None:
    bulk.config(time_scale=1.0)
    meddler.says["POST /v1/batches/.*/cancel"] = 400
    with bulk.engine(meddler.url) as engine, caplog.at_level(logging.WARNING):
        bulk.queue(engine, bulk.make.chats(2))
        engine.bulk.cancel()
        bulk.config(time_scale=1e-4)
        bulk.wait(engine)
        engine.bulk.cancel()
    assert "was not cancelled" in caplog.text


def test_cancelling_what_has_ended_changes_nothing(bulk) -> None:
    with bulk.engine() as engine:
        bulk.queue(engine, bulk.make.chats(2))
        while bulk.batches()[0]["status"] != "completed":
            time.sleep(0.005)
        engine.bulk.cancel()
        bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"settled": 2}


def test_what_waits_for_room_ends_when_it_is_cancelled(bulk) -> None:
    bulk.config(time_scale=1.0)
    with bulk.engine(batch_chats=1, batch_tokens=1) as engine:
        bulk.queue(engine, bulk.make.chats(2))
        engine.bulk.cancel()
        bulk.config(time_scale=1e-4)
        bulk.wait(engine)
        assert engine.books.ledger.reserved == 0
    assert len(bulk.batches()) == 1
    bulk.prove_clean()


def test_a_model_without_a_price_stops_the_run_before_anything_is_uploaded(bulk) -> None:
    with bulk.engine() as engine, pytest.raises(RunStopped, match="no model 'gpt-none'"):
        bulk.queue(engine, bulk.make.edits(1, model="gpt-none"))
    assert bulk.sandbox.admin("summary")["files"] == 0


def test_a_batch_of_a_step_that_nobody_asks_now_is_told_and_left(bulk, caplog) -> None:
    with bulk.engine() as engine:
        bulk.queue(engine, bulk.make.edits(2))
    with bulk.engine(steps=("rewrite",)) as engine, caplog.at_level(logging.WARNING):
        assert engine.bulk.adopt() == ()
    assert "asks for regenerate, which nobody does now" in caplog.text
    with bulk.engine() as engine:
        assert len(engine.bulk.adopt()) == 1
        bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"settled": 2}


class BlindStore(Store):
    """A store that cannot say what it has."""

    def read_range(self, path: str, start: int, length: int) -> bytes:
        raise StorageError(f"{path} cannot be looked up.")


def test_a_store_that_cannot_be_asked_queues_nothing(bulk) -> None:
    asks = bulk.make.edits(3)
    with bulk.engine(responses_in=BlindStore(bulk.store.root)) as engine:
        with pytest.raises(StorageError, match="cannot be looked up"):
            bulk.queue(engine, asks)
        assert not engine.bulk.holds(asks[0].key)
    assert bulk.batches() == []


class FullJournal(Journal):
    """A journal that cannot be flushed."""

    async def flush(self) -> None:
        raise StorageError("The journal cannot be written.")


def test_a_batch_is_not_done_with_while_the_journal_cannot_be_written(bulk) -> None:
    asks = bulk.make.chats(2)
    with bulk.engine(journal=FullJournal) as engine:
        bulk.queue(engine, asks)
        with pytest.raises(RunStopped, match="journal cannot be written"):
            bulk.wait(engine)
    with bulk.engine() as engine:
        engine.bulk.adopt()
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 2}
    assert bulk.audit().by_outcome() == {"settled": 2} and bulk.calls() == 2
    bulk.prove_clean()


def test_lists_of_several_parts_are_read_to_their_end(bulk, monkeypatch) -> None:
    monkeypatch.setattr(desks, "_PAGE", 2)
    monkeypatch.setattr(desks, "_FILES_PAGE", 2)
    found = asyncio.run(_made_and_found(bulk.sandbox.url, bulk.make.key))
    made, tagged, nobody, files, strangers = found
    assert tagged["id"] == made and nobody is None
    assert len(files) == 5 and strangers == []


async def _pause(_: float) -> None:
    return


async def _made_and_found(url: str, key: str):
    desk = Desk(endpoint_from("images", {"base_url": url, "api_key": key}), _pause)
    try:
        files = [await desk.upload(f"mine-{n}.png", b"picture", "image/png") for n in range(4)]
        line = b'{"custom_id": "a", "method": "POST", "url": "/v1/images/edits", "body": {}}\n'
        with tempfile.TemporaryFile() as file:
            file.write(line)
            files.append(await desk.upload("mine-a.jsonl", file, "application/jsonl"))
        made = [await desk.create(files[-1], "/v1/images/edits", f"tag-{n}") for n in range(5)]
        return (
            made[0]["id"],
            await desk.find("tag-0"),
            await desk.find("tag-9"),
            await desk.files("mine-"),
            await desk.files("yours-"),
        )
    finally:
        await desk.close()


def test_while_nobody_knows_whether_a_batch_was_made_it_waits(bulk, meddler, caplog) -> None:
    meddler.spoil(CREATE, lose, heard=False)
    meddler.says["DELETE .*"] = 403
    with bulk.engine(meddler.url) as engine, caplog.at_level(logging.WARNING):
        bulk.queue(engine, bulk.make.chats(2))
        assert "nobody knows whether the API has made it" in caplog.text
        assert bulk.batches() == []
        meddler.says.clear()
        bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"settled": 2} and len(bulk.batches()) == 1
    bulk.prove_clean()


def test_a_batch_whose_input_was_gone_before_is_possibly_billed(bulk, meddler) -> None:
    """Nobody can tell whether an order on its way has found its input file."""
    meddler.spoil(CREATE, lose, heard=False)
    meddler.says["DELETE .*"] = 404
    with bulk.engine(meddler.url) as engine:
        bulk.queue(engine, bulk.make.chats(2))
        meddler.says.clear()
        bulk.wait(engine)
        assert bulk.queue(engine, bulk.make.chats(2)).kinds() == {"Unanswered": 2}
        bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"possibly": 2, "settled": 2}


def test_a_batch_is_looked_up_without_asking_the_api(bulk) -> None:
    with bulk.engine() as engine:
        assert engine.bulk.standing() == ()
        bulk.queue(engine, bulk.make.chats(2))
        bulk.config(keys_revoked=True)
        assert [facts.lines for facts in engine.bulk.standing()] == [2]
