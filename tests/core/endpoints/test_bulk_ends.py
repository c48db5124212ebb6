"""Every way in which a batch can end, and the limits under which it is made."""

import time
from decimal import Decimal

import pytest

from editcorpus.endpoints.requests import Answered
from editcorpus.errors import EndpointStopped, ShardError
from editcorpus.records import Reason


def test_an_expired_batch_gives_what_was_done_and_the_rest_is_free(bulk) -> None:
    asks = bulk.make.chats(5)
    bulk.config(faults={"batch_expired": 1}, time_scale=1e-5)
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        bulk.wait(engine)
        assert engine.books.ledger.reserved == 0
        bulk.config(faults={})
        again = bulk.queue(engine, asks)
        assert again.kinds() == {"Answered": 2, "Unanswered": 3}
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 5}
    proven = bulk.audit()
    assert proven.by_outcome() == {"settled": 5, "free": 3}
    assert proven.usd() == proven.history.spent
    bulk.prove_clean()


def test_a_cancelled_batch_gives_what_was_done_and_the_rest_is_free(bulk) -> None:
    asks = bulk.make.chats(20)
    bulk.config(time_scale=1e-2, batches={"lines_per_minute": 1, "start_s": 0})
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        while not engine.bulk.look()[0].done:
            time.sleep(0.005)
        engine.bulk.cancel()
        bulk.wait(engine)
        answered = len(bulk.queue(engine, asks).of(Answered))
        assert 1 <= answered < 20
        engine.bulk.cancel()
        bulk.wait(engine)
    proven = bulk.audit()
    assert proven.by_outcome()["settled"] >= answered
    assert proven.usd() == proven.history.spent
    bulk.prove_clean()


def test_cancelling_forgets_what_is_only_queued(bulk) -> None:
    with bulk.engine() as engine:
        list(engine.bulk.answers(bulk.make.edits(3)))
        assert engine.books.ledger.reserved > 0
        engine.bulk.cancel()
        assert engine.books.ledger.reserved == 0 and not engine.bulk.holds(bulk.make.edit(0).key)
        bulk.wait(engine)
    assert bulk.batches() == [] and bulk.audit().by_outcome() == {}
    bulk.prove_clean()


def test_a_batch_that_the_api_fails_costs_nothing_and_is_made_anew(bulk) -> None:
    asks = bulk.make.edits(3)
    bulk.config(faults={"batch_failed": 1})
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        bulk.wait(engine)
        bulk.config(faults={})
        assert bulk.queue(engine, asks).kinds() == {"Unanswered": 3}
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 3}
    assert bulk.audit().by_outcome() == {"free": 3, "settled": 3}
    bulk.prove_clean()


def test_a_batch_that_fails_for_its_setting_stops_the_run_with_the_apis_words(bulk) -> None:
    asks = bulk.make.chats(3)
    bulk.config(batches={"max_lines": 2})
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        with pytest.raises(EndpointStopped, match="too many requests"):
            bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"free": 3}


def test_a_model_that_is_shut_down_stops_the_run(bulk) -> None:
    bulk.config(today="2026-12-02")
    try:
        with bulk.engine() as engine:
            bulk.queue(engine, bulk.make.edits(2, model="gpt-image-1.5"))
            with pytest.raises(EndpointStopped, match="not supported by the Batch API"):
                bulk.wait(engine)
    finally:
        bulk.config(today="2026-11-20")
    assert bulk.audit().by_outcome() == {"free": 2}


def test_a_batch_with_nothing_but_errors_is_taken(bulk) -> None:
    marked = bulk.make.edits(3, "Add [[emulate moderation_input]]")
    with bulk.engine() as engine:
        bulk.queue(engine, marked)
        bulk.wait(engine)
        assert bulk.queue(engine, marked).kinds() == {"Dropped": 3}
    (batch,) = bulk.batches()
    assert batch["status"] == "completed" and batch["output_file_id"] is None
    assert bulk.audit().by_outcome() == {"free": 3}
    bulk.prove_clean()


def test_a_batch_of_requests_that_are_all_refused_alike_is_a_wrong_setting(bulk) -> None:
    asks = bulk.make.edits(25, size=(512, 512))
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        with pytest.raises(EndpointStopped, match="failed alike"):
            bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"free": 25}
    with bulk.engine() as engine:
        assert bulk.queue(engine, asks).kinds() == {"Unanswered": 25}, (
            "nothing is held against them"
        )


def test_refusals_among_answers_are_no_wrong_setting(bulk) -> None:
    wrong = bulk.make.edits(25, size=(512, 512))
    with bulk.engine() as engine:
        bulk.queue(engine, [*wrong, bulk.make.edit(99)])
        bulk.wait(engine)
        assert bulk.queue(engine, wrong).kinds() == {"Dropped": 25}
    assert bulk.audit().by_outcome() == {"free": 25, "settled": 1}


def test_too_many_that_the_safety_system_blocks_stop_the_run_after_all_is_stored(bulk) -> None:
    blocked = bulk.make.edits(60, "Add [[emulate moderation_input]]")
    sound = bulk.make.chats(60, step="regenerate")
    with bulk.engine() as engine:
        bulk.queue(engine, sound)
        bulk.wait(engine)
        bulk.queue(engine, blocked)
        with pytest.raises(EndpointStopped, match="the safety system blocked"):
            bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"free": 60, "settled": 60}


def test_quota_that_runs_out_in_a_batch_stops_the_run_after_all_is_stored(bulk) -> None:
    asks = bulk.make.chats(12)
    with bulk.engine() as engine:
        bulk.config(quota_after_usd="0.00002")
        bulk.queue(engine, asks)
        with pytest.raises(EndpointStopped, match="No money or quota"):
            bulk.wait(engine)
    proven = bulk.audit()
    assert 0 < proven.by_outcome()["settled"] < 12 == sum(proven.by_outcome().values())
    assert proven.usd() == proven.history.spent


def test_lines_and_tokens_cut_batches(bulk) -> None:
    with bulk.engine(batch_lines=4, batch_chats=3) as engine:
        bulk.queue(engine, [*bulk.make.edits(9), *bulk.make.chats(7)])
        bulk.wait(engine)
    sizes = sorted(batch["request_counts"]["total"] for batch in bulk.batches())
    assert sizes == [1, 1, 3, 3, 4, 4]
    assert bulk.audit().by_outcome() == {"settled": 16}
    bulk.prove_clean()


def test_a_batch_has_one_model(bulk) -> None:
    asks = [bulk.make.chat(1), bulk.make.chat(2, model="gpt-4o-mini")]
    with bulk.engine() as engine:
        bulk.queue(engine, asks)
        bulk.wait(engine)
    assert {batch["model"] for batch in bulk.batches()} == {"gpt-6-luna", "gpt-4o-mini"}
    assert bulk.audit().by_outcome() == {"settled": 2}


def test_tokens_that_have_no_room_wait_until_others_have_ended(bulk) -> None:
    asks = bulk.make.edits(6)
    with bulk.engine(batch_lines=2, batch_tokens=bulk.tokens(3)) as engine:
        bulk.queue(engine, asks)
        bulk.wait(engine)
    third, second, first = bulk.batches()
    assert second["created_at"] >= first["completed_at"]
    assert third["created_at"] >= second["completed_at"]
    assert bulk.audit().by_outcome() == {"settled": 6}
    bulk.prove_clean()


def test_the_limit_of_tokens_is_learnt_from_the_first_refusal(bulk) -> None:
    asks = bulk.make.edits(4)
    slow = {"start_s": 0, "lines_per_minute": 0.01}
    bulk.config(batches={"enqueued_tokens": bulk.tokens(3), **slow}, time_scale=0.1)
    with bulk.engine(batch_lines=2, probe_s=0.01) as engine:
        bulk.queue(engine, asks)
        while "waiting" not in {facts.status for facts in engine.bulk.look()}:
            time.sleep(0.005)
        bulk.config(time_scale=1e-5)
        bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 4}
    ended = [batch["status"] for batch in bulk.batches()]
    assert ended.count("completed") == 2 and ended.count("failed") >= 1
    proven = bulk.audit()
    assert proven.by_outcome() == {"settled": 4}, "a batch that waits is the same batch"
    bulk.prove_clean()


def test_a_batch_above_the_limit_of_tokens_is_cut_smaller(bulk) -> None:
    asks = bulk.make.edits(6)
    bulk.config(batches={"enqueued_tokens": bulk.tokens(3)})
    with bulk.engine(probe_s=0.01) as engine:
        for _ in range(2):
            bulk.queue(engine, asks)
            bulk.wait(engine)
        assert bulk.take(engine, asks).kinds() == {"Answered": 6}
    assert bulk.audit().by_outcome() == {"settled": 6, "free": 6}


def test_a_fixed_price_is_the_same_in_a_batch(bulk) -> None:
    asks = bulk.make.edits(2)
    with bulk.engine(tariff="per_image", usd_per_image="0.05") as engine:
        bulk.queue(engine, asks)
        bulk.wait(engine)
        assert engine.books.ledger.spent == Decimal("0.10")


def test_a_picture_that_cannot_be_read_is_told_and_hinders_no_other(bulk) -> None:
    def load() -> bytes:
        raise ShardError("Row 3 of canvas is not what was written.")

    spoilt = bulk.make.edit(1, load=load, pixels="other")
    with bulk.engine() as engine:
        taken = bulk.queue(engine, [spoilt, bulk.make.edit(2)])
        reasons = {one.ask.id: one.reason for one in taken.outcomes}
        assert reasons == {spoilt.id: Reason.UNAVAILABLE, "regenerate/2": Reason.NOT_REACHED}
        assert not engine.bulk.holds(spoilt.key)
        bulk.wait(engine)
    assert bulk.audit().by_outcome() == {"settled": 1}
    bulk.prove_clean()
