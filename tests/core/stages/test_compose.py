"""Three rounds of questions over a shard, and what becomes of those whom one of them leaves behind."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from editcorpus.endpoints.requests import Answered, Ask, Dropped, Outcome, Unanswered
from editcorpus.errors import RunStopped
from editcorpus.planning import Selection
from editcorpus.records import Reason
from editcorpus.responses import TextAnswer
from editcorpus.sandbox import Running
from editcorpus.shards import Manifest, need_manifest, read_facts
from editcorpus.stages import asking
from editcorpus.stages import compose as compose_stage
from editcorpus.stages import pad as pad_stage
from editcorpus.stages.awaiting import Awaiting
from editcorpus.stages.batching import ask_ahead
from editcorpus.stages.opening import Job, opened
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage
from editcorpus.stages.workshop import Mode, Workshop
from editcorpus.steps import compose

Make = Callable[..., Job]
Change = Callable[[Outcome], Outcome]
Open = Callable[..., AbstractContextManager[Workshop]]
LEVEL = 2
ROUNDS = {"sequence"}, {"simplify-1", "simplify-2"}, {"compound"}


@pytest.fixture
def open_padded(make_job: Make) -> Open:
    """Opens a run whose first shard is padded; takes a folder and members of the step's Config."""

    @contextmanager
    def made(
        store: Path, run: str = "r", mode: Mode = "online", **members: int
    ) -> Iterator[Workshop]:
        job = replace(make_job(store, run), modes={"compose": mode})
        config = compose.Config(level=LEVEL, **members)
        endpoints = {**job.endpoints, "compose": job.endpoints["rewrite"]}
        job = replace(job, configs={**job.configs, "compose": config}, endpoints=endpoints)
        with opened(job) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection(shard_size=4))
            run_stage(shop, 0, pad_stage.STAGE)
            yield shop

    return made


def composed(shop: Workshop) -> Manifest:
    run_stage(shop, 0, compose_stage.STAGE)
    return need_manifest(shop.store, shop.folder(0), "compose")


def rows(shop: Workshop) -> list[compose.Composed]:
    return read_facts(shop.store, shop.folder(0), "compose", compose.Composed)


def tampered(shop: Workshop, change: Change, asked: list[list[Ask]] | None = None) -> Workshop:
    """The workshop with every outcome changed; what is asked is noted, round by round."""

    def way(asks: Sequence[Ask]) -> Iterator[Outcome]:
        if asked is not None:
            asked.append(list(asks))
        return (change(outcome) for outcome in shop.engine.answers(asks))

    return shop.asking({"compose": way})


def same(outcome: Outcome) -> Outcome:
    return outcome


def unreadable(outcome: Outcome) -> Outcome:
    assert isinstance(outcome, Answered)
    return replace(outcome, answer=TextAnswer(outcome.answer.record, "{}"))


def billed(server: Running) -> int:
    return int(server.admin("summary")["billed"])


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def test_every_triplet_gets_one_complex_instruction_in_three_rounds(
    first: Path, open_padded: Open
) -> None:
    asked: list[list[Ask]] = []
    with open_padded(first) as shop:
        manifest = composed(tampered(shop, same, asked))
        made = rows(shop)
        stored = {key for row in made for key in row.compose_responses.split("+")}
        assert all(shop.responses.text(key) for key in stored)
    assert manifest.kept == manifest.entered == len(made) == 3
    assert [{ask.question for ask in each} for each in asked] == list(ROUNDS)
    assert {ask.key for each in asked for ask in each} == stored
    for row in made:
        assert (row.instruction_type, row.compose_level) == ("complex", LEVEL)
        assert row.instruction.endswith(".")
        assert row.instruction_original not in ("", row.instruction)
        assert set(row.operations.split("+")) <= set(compose.OPERATIONS)
        assert len(row.operations.split("+")) == LEVEL


def test_the_answers_of_a_row_are_named_in_the_order_of_the_questions(
    tmp_path: Path, open_padded: Open
) -> None:
    asked: list[list[Ask]] = []
    with open_padded(tmp_path) as shop:
        composed(tampered(shop, same, asked))
        row = rows(shop)[0]
    keys = {ask.question: ask.key for each in asked for ask in each if ask.id == row.id}
    order = ("sequence", "simplify-1", "simplify-2", "compound")
    assert row.compose_responses == "+".join(keys[name] for name in order)


def test_a_second_start_and_another_run_pay_for_nothing(
    first: Path, open_padded: Open, server: Running
) -> None:
    paid = billed(server)
    with open_padded(first) as shop:
        assert run_stage(shop, 0, compose_stage.STAGE).skipped
        made = rows(shop)
    with open_padded(first, "again") as shop:
        composed(shop)
        assert rows(shop) == made
    assert billed(server) == paid


def test_an_instruction_that_is_unusable_twice_rejects_its_triplet(
    tmp_path: Path, open_padded: Open
) -> None:
    asked: list[list[Ask]] = []

    def change(outcome: Outcome) -> Outcome:
        return unreadable(outcome) if outcome.ask.question == "compound" else outcome

    with open_padded(tmp_path) as shop:
        manifest = composed(tampered(shop, change, asked))
    assert {item.reason for item in manifest.rejected} == {Reason.COMPOSE_UNREADABLE}
    assert len(manifest.rejected) == manifest.entered
    assert all(item.detail.startswith("compound: ") for item in manifest.rejected)
    assert [{ask.sample for ask in each} for each in asked] == [{0}, {0}, {0}, {1}]


def test_only_what_was_unusable_is_asked_again(tmp_path: Path, open_padded: Open) -> None:
    asked: list[list[Ask]] = []

    def change(outcome: Outcome) -> Outcome:
        odd = outcome.ask.question == "simplify-2" and outcome.ask.sample == 0
        return unreadable(outcome) if odd else outcome

    with open_padded(tmp_path) as shop:
        manifest = composed(tampered(shop, change, asked))
        made = rows(shop)
    assert manifest.kept == manifest.entered
    assert [{ask.question for ask in each} for each in asked] == [
        *ROUNDS[:2],
        {"simplify-2"},
        {"compound"},
    ]
    second = {ask.key for ask in asked[2]}
    assert {row.compose_responses.split("+")[2] for row in made} == second


def test_who_has_no_answer_fails_and_the_next_start_asks_for_that_alone(
    tmp_path: Path, open_padded: Open
) -> None:
    late: list[str] = []

    def change(outcome: Outcome) -> Outcome:
        if outcome.ask.question != "simplify-1" or (late and outcome.ask.id != late[0]):
            return outcome
        late.append(outcome.ask.id)
        return Unanswered(outcome.ask, Reason.UNAVAILABLE, "Later.")

    asked: list[list[Ask]] = []
    with open_padded(tmp_path) as shop:
        manifest = composed(tampered(shop, change))
        assert [item.id for item in manifest.failed] == late
        again = composed(tampered(shop, same, asked))
        assert [row.id for row in rows(shop)] == sorted(row.id for row in rows(shop))
    assert (again.kept, again.failed) == (again.entered, ())
    assert again.history[-1]["paid"] == 1  # the compound of the one that was late


def test_what_the_endpoint_refuses_for_good_is_rejected_for_its_reason(
    tmp_path: Path, open_padded: Open
) -> None:
    def change(outcome: Outcome) -> Outcome:
        if outcome.ask.question != "sequence" or not outcome.ask.id.endswith("_1"):
            return outcome
        return Dropped(outcome.ask, Reason.MODERATION_INPUT, "No.")

    with open_padded(tmp_path) as shop:
        manifest = composed(tampered(shop, change))
    assert [(item.id, item.reason) for item in manifest.rejected] == [
        ("omniedit/task_obj_add_1", Reason.MODERATION_INPUT)
    ]
    assert manifest.kept == manifest.entered - 1


def test_rejects_are_in_the_order_of_the_ids_whatever_round_gave_them_up(
    tmp_path: Path, open_padded: Open
) -> None:
    def change(outcome: Outcome) -> Outcome:
        early = outcome.ask.id.endswith("_2") and outcome.ask.question == "sequence"
        late = outcome.ask.id.endswith("_0") and outcome.ask.question == "compound"
        return unreadable(outcome) if early or late else outcome

    with open_padded(tmp_path) as shop:
        manifest = composed(tampered(shop, change))
    assert [item.id[-1] for item in manifest.rejected] == ["0", "2"]


def test_a_writer_that_gives_nothing_usable_stops_the_run(
    tmp_path: Path, open_padded: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_UNREADABLE", 3)
    with (
        open_padded(tmp_path) as shop,
        pytest.raises(RunStopped, match=r"None of the 3 .* compose\.model"),
    ):
        composed(tampered(shop, unreadable))


def test_a_limit_that_no_instruction_meets_rejects_them_with_the_reason(
    tmp_path: Path, open_padded: Open
) -> None:
    with open_padded(tmp_path, max_characters=50) as shop:
        manifest = composed(shop)
    assert len(manifest.rejected) == manifest.entered
    assert all("overlong_instruction" in item.detail for item in manifest.rejected)


def test_three_batches_one_after_the_other_answer_everything(
    tmp_path: Path, open_padded: Open
) -> None:
    with open_padded(tmp_path, mode="batch") as shop:
        waiting = []
        for _ in range(4):
            waiting.append(ask_ahead(shop, 0, compose_stage.STAGE))
            shop.engine.bulk.flush()
            Awaiting(shop, 0.2).wait()
        manifest = composed(shop)
    assert waiting == [3, 3, 3, 0]
    assert manifest.kept == manifest.entered
