"""What the artifacts of a flow run say, as text."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.schemas.objects import StateType
from prefect.exceptions import PrefectException

from editcorpus.endpoints.bulk import BatchFacts
from editcorpus.lookups.failures import grouped
from editcorpus.records import REMEDIES, SENTENCES, Failed, Reason, Rejected
from editcorpus.stages.summary import Standing
from editcorpus.storage import Store
from flows import artifacts, channel
from flows.again import Again
from flows.artifacts import Watch
from flows.given_up import described, failures, so_far
from flows.outcome import Outcome, stop_kind, stopped_name
from flows.shown import Moment, funnel, funnel_so_far, gallery, progress
from flows.tally import Report, Tally

HOSTILE = (
    "a|b <script>alert(1)</script> [x](javascript:alert) ![p](http://evil/x.png)\n# heading `c`"
)
AGAIN = Again("spring", ("--store", "store"), "", {})
CALLS = {"paid": 7, "cached": 2, "possibly_billed": 1}


def outcome(standing: Standing, **changed: Any) -> Outcome:
    members = {"corpus": "", "gallery": "", "stopped": "", **changed}
    return Outcome("spring", standing, CALLS, Decimal("0.5"), **members)


def failed(*items: tuple[int, str, Reason, str]) -> Standing:
    made = Standing(entered=len(items))
    for number, (shard, step, reason, detail) in enumerate(items):
        one = Failed(f"omniedit/{number}", step, reason, detail)
        made.add(Standing(failed=[one]))
        made.failed_by_shard.setdefault(shard, []).append(one)
    return made


def page(standing: Standing, **changed: Any) -> str:
    """The page of a run whose dollars nobody counted."""
    groups = grouped([*standing.failed, *standing.rejected])
    return failures(outcome(standing), groups, replace(AGAIN, **changed), priced=False)


def headings(markdown: str) -> list[str]:
    return [unescape(line) for line in markdown.splitlines() if line.startswith("## ")]


def test_failures_are_grouped_by_step_and_reason_with_what_to_do() -> None:
    standing = failed(
        (7, "regenerate", Reason.UNAVAILABLE, "status 503"),
        (2, "align", Reason.UNAVAILABLE, "no answer"),
        (7, "regenerate", Reason.UNAVAILABLE, "status 500"),
        (9, "regenerate", Reason.UNAVAILABLE, "status 502"),
        (9, "regenerate", Reason.UNAVAILABLE, "status 504"),
        (7, "regenerate", Reason.NOT_REACHED, "stopped"),
    )
    standing.rejected.append(Rejected("omniedit/r", "filter", Reason.NO_EDIT, "0.0001 changed"))
    found = page(standing, place=("--store", "s3://team/x"))
    assert headings(found) == [
        "## failed: 4 at regenerate: unavailable",
        "## failed: 1 at align: unavailable",
        "## failed: 1 at regenerate: not_reached",
        "## rejected: 1 at filter: no_edit",
    ]
    text = unescape(found)
    assert SENTENCES[Reason.UNAVAILABLE] in text
    assert f"What to do: {REMEDIES[Reason.NO_EDIT]}" in text
    assert "Shards: 00007, 00009." in text
    examples = [line for line in text.splitlines() if line.startswith("- omniedit/")]
    assert examples[:3] == [
        f"- omniedit/{n}: status {code}" for n, code in ((0, 503), (2, 500), (3, 502))
    ]
    assert len(examples) == 3 + 1 + 1 + 1
    assert found.endswith("What they cost: `editcorpus failures --store s3://team/x --run spring`")
    assert "$" not in found
    assert "editcorpus redrive" not in text.replace(REMEDIES[Reason.UNAVAILABLE], "")
    assert "The run has to go to its end before some of these can be done again alone." in text


def test_each_group_says_what_it_cost_and_how_it_is_done_again() -> None:
    standing = failed((7, "regenerate", Reason.UNAVAILABLE, "status 503"))
    verdicts = (("filter", Reason.NO_EDIT), ("align", Reason.JUDGE_UNREADABLE))
    for number, (step, reason) in enumerate((*verdicts, ("pad", Reason.IMAGE_BLANK))):
        standing.rejected.append(Rejected(f"omniedit/r{number}", step, reason, ""))
    groups = grouped([*standing.failed, *standing.rejected])
    for group in groups:
        group.usd = Decimal("1234.5")
    found = unescape(failures(outcome(standing), groups, AGAIN, priced=True))
    assert found.count("$1,234.5000 booked for them.") == 4
    command = "editcorpus redrive --store store --run spring --reason"
    assert f"Again, only these: `{command} unavailable`" in found
    assert f"Again, only these: `{command} judge_unreadable`" in found
    assert f"Again, with another edit, which is paid for: `{command} no_edit --sample`" in found
    assert found.count("Again, ") == 3
    assert found.startswith("Start the same command again: only those that failed are asked.")
    long = replace(AGAIN, place=("--store-block", "s" * 200))
    assert (
        f"`editcorpus redrive --store-block {'s' * 200} --run spring --reason no_edit"
        in failures(outcome(standing), groups, long, priced=True)
    )
    assert "The form" not in found


def test_a_run_of_a_deployment_is_done_again_by_a_form_that_is_filled_in() -> None:
    recipe = {"run": "spring", "input": "s3://in/*.parquet", "effort": {"budget_usd": 5}}
    form = replace(AGAIN, form="/v2/form?parameters=", recipe=recipe)
    standing = failed((7, "regenerate", Reason.UNAVAILABLE, "status 503"))
    standing.rejected.append(Rejected("omniedit/r", "filter", Reason.NO_EDIT, ""))
    found = page(standing, form=form.form, recipe=recipe)
    links = re.findall(r"\(/v2/form\?parameters=([^)]*)\)", found)
    asked = [json.loads(unquote(link))["recipe"] for link in links]
    same = {"budget_usd": 5, "redrive_sample": False}
    assert [one.pop("effort") for one in asked] == [
        {"budget_usd": 5},
        {**same, "redrive": ["unavailable"]},
        {**same, "redrive": ["no_edit"], "redrive_sample": True},
    ]
    assert all(one == {"run": "spring", "input": "s3://in/*.parquet"} for one in asked)
    assert "Retry" in form.sentence
    assert "less effort.redrive" in replace(form, redrives=True).sentence
    assert "same command" in AGAIN.sentence


def test_a_signed_url_stays_out_of_the_links() -> None:
    signed = {"run": "spring", "input": "https://in/x.parquet?X-Amz-Signature=abc"}
    standing = failed((7, "regenerate", Reason.UNAVAILABLE, "status 503"))
    assert "abc" not in page(standing, form="/v2/form?parameters=", recipe=signed)


def test_an_artifact_is_described_by_its_counts() -> None:
    standing = failed(
        (1, "align", Reason.UNAVAILABLE, ""), (2, "regenerate", Reason.UNAVAILABLE, "")
    )
    standing.rejected.append(Rejected("omniedit/r", "filter", Reason.NO_EDIT, ""))
    told = described(grouped([*standing.failed, *standing.rejected]))
    assert told == "2 failed: 2 unavailable. 1 rejected: 1 no_edit. What to do is inside."


def test_the_final_state_says_who_failed_where_and_what_to_do() -> None:
    many = failed(*((shard, "align", Reason.UNAVAILABLE, "") for shard in range(7)))
    state = outcome(many).state(0.1, AGAIN.sentence)
    assert (state.type, state.name) == (StateType.FAILED, "Failed (7 failed)")
    assert state.message == (
        "7 entered: 0 kept, 0 rejected, 7 failed; $0.5000. That is more than "
        "effort.max_failed_share, 0.1, allows. Failed: 7 unavailable at align (shards 00000, 00001, "
        "00002, 00003, 00004 and 2 more). Artifact editcorpus-failures tells more. Start the same "
        "command again: only those that failed are asked."
    )
    assert outcome(many).state(1, AGAIN.sentence).name == "Completed (7 failed)"
    stopped = outcome(many, stopped="No money is left.").state(1, AGAIN.sentence)
    assert (stopped.message or "").startswith("No money is left. 7 entered: ")
    whole = outcome(Standing(entered=1, kept=1)).state(0.1, AGAIN.sentence)
    assert whole.message == "1 entered: 1 kept, 0 rejected, 0 failed; $0.5000."


def test_the_shards_that_are_named_are_few() -> None:
    many = failed(*((shard, "align", Reason.UNAVAILABLE, "") for shard in range(25)))
    assert "00019 and 5 more." in page(many)


def test_text_from_outside_stays_inert() -> None:
    standing = failed((0, "regenerate", Reason.UNAVAILABLE, HOSTILE))
    standing.entered += 1
    standing.rejected.append(Rejected("omniedit/r", "pad", Reason.IMAGE_BLANK, HOSTILE))
    places = {"corpus": f"/store/{HOSTILE}", "gallery": f"s3://bucket/{HOSTILE}"}
    for text in (
        page(standing, place=("--store", HOSTILE)),
        funnel(outcome(standing, stopped=HOSTILE, **places)),
        funnel(outcome(standing, gallery="https://x.example/a)[b](javascript:c)<b>`")),
    ):
        assert "<" not in text
        assert "](javascript" not in text
        assert "![" not in text
        assert "\n# heading" not in text
    assert len(headings(page(standing))) == 2


def test_the_funnel_says_why_it_stopped_and_where_the_corpus_lies() -> None:
    standing = Standing(entered=1, kept=1)
    found = funnel(
        outcome(
            standing,
            stopped="The budget would be passed.",
            corpus="/data/store/corpora/spring",
            gallery="https://files.example/gallery/index.html",
        )
    )
    assert "\n\nThe budget would be passed.\n\n| | triplets | |\n" in found
    assert "Corpus: `/data/store/corpora/spring`" in found
    assert (
        "[https://files.example/gallery/index.html](https://files.example/gallery/index.html)"
        in found
    )
    assert "7 calls paid, 2 served from the store, 1 possibly billed" in found


def shop_of(folder: Path, **changed: Any) -> Any:
    """A run that nobody works on, as far as it can be watched."""
    standing = SimpleNamespace(in_flight=3, waiting=2, refused=1, away=frozenset())
    members = {
        "run": "spring",
        "store": Store.on_disk(folder),
        "engine": SimpleNamespace(standing=lambda: standing),
        "ledger": SimpleNamespace(budget_usd=None, spent=Decimal(0), reserved=Decimal("1.5")),
        "clocks": SimpleNamespace(now=lambda: "2026-11-20T16:00:00.000+00:00"),
        "providers": {"regenerate": "openai"},
        "redriving": SimpleNamespace(only=True, shards=()),
        "batches": (),
    }
    return SimpleNamespace(**{**members, **changed})


PLAN: Any = SimpleNamespace(shards=2, entered=5)


class Server:
    """What is asked of a Prefect server, in place of one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, Any, str]] = []
        self.error = error

    def create(self, data: Any, *, key: str, description: str) -> UUID:
        return self._take(key, data, description) or uuid4()

    def update(self, _id: UUID, update: Any) -> None:
        self._take("", update.data, update.description)

    def post(self, events: Any) -> None:
        for event in events:
            self._take(event.event, event.payload, "")

    def _take(self, key: str, data: Any, description: str) -> None:
        if self.error is not None:
            raise self.error
        self.asked.append((key, data, description))


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Server], Server]:
    def serving(server: Server) -> Server:
        for name in ("create_progress_artifact", "create_markdown_artifact"):
            monkeypatch.setattr(artifacts, name, server.create)
        monkeypatch.setattr(artifacts, "_update", server.update)
        monkeypatch.setattr(channel, "_sent", server.post)
        return server

    return serving


def test_progress_tells_of_the_batches_that_are_waited_for(
    serve: Callable[[Server], Server], tmp_path: Path
) -> None:
    server = serve(Server())
    made = "2026-11-20T10:00:00.000+00:00"
    names = ("b1", "regenerate", "images", "gpt-image-2.5-sunburst", "in_progress", "batch_1")
    batch = BatchFacts(*names, 60, 9, 1, Decimal("1.5"), made)
    with Watch(shop_of(tmp_path, batches=(batch,)), AGAIN) as watch:
        watch.planned(PLAN)
    told = [said for key, _, said in server.asked if key == "editcorpus-progress"]
    assert told == [
        (
            "0 of 2 shards; 0 triplets kept of 5. 3 calls in flight, 2 waiting, 1 refused. $0.0000 booked, "
            "$1.5000 reserved. regenerate: 10/60 lines of 1 batch (in_progress), $1.50 reserved, for 6.0 h."
        )
    ]


def test_an_artifact_is_made_once_and_changed_in_place(
    serve: Callable[[Server], Server], tmp_path: Path
) -> None:
    server = serve(Server())
    with Watch(shop_of(tmp_path), AGAIN) as watch:
        watch.begun(1)
        watch.planned(PLAN)
        watch.shard_ended(0)
        watch.shard_ended(1)
        watch.ended(outcome(failed((0, "align", Reason.UNAVAILABLE, ""))))
    keys = [key for key, _, _ in server.asked if key.startswith("editcorpus-")]
    assert keys == ["editcorpus-progress", "editcorpus-funnel", "editcorpus-failures"]
    assert [key for key, _, _ in server.asked if key.startswith("editcorpus.")] == [
        "editcorpus.run.started",
        "editcorpus.run.finished",
    ]
    progress, page = (said for said in server.asked if not said[0])
    assert (progress[1], progress[2][:15]) == (100.0, "2 of 2 shards; ")
    assert "| failed: unavailable | 1 |" in page[1]


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), PrefectException("no such run")])
def test_a_server_that_fails_costs_artifacts_and_one_warning(
    error: Exception,
    serve: Callable[[Server], Server],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    serve(Server(error))
    with caplog.at_level(logging.WARNING), Watch(shop_of(tmp_path), AGAIN) as watch:
        watch.planned(PLAN)
        watch.shard_ended(0)
        watch.ended(outcome(failed((0, "align", Reason.UNAVAILABLE, ""))))
    ours = [record for record in caplog.records if record.name.startswith("flows.")]
    assert [record.message for record in ours] == [
        f"Artifacts and events of this run are not up to date: {type(error).__name__}: {error}"
    ]


MOMENT = Moment(
    shards=400,
    begun=0,
    entered=102_400,
    in_flight=256,
    waiting=40,
    refused=3,
    partitions=0,
    spent=Decimal("12.34"),
    reserved=Decimal("3.1"),
    budget=Decimal(500),
    a_minute=51.2,
)


def some(**changed: Any) -> Tally:
    gone = {("rejected", "filter", Reason.NO_EDIT): 6, ("failed", "align", Reason.UNAVAILABLE): 2}
    return Tally({0: Report(0, 256, 248, gone, {}, Decimal("1.5"))}, **changed)


def test_progress_says_how_far_it_is_at_what_cost_and_for_how_long() -> None:
    assert progress(MOMENT, some(), 1) == (
        "1 of 400 shards; 248 triplets kept, 6 rejected, 2 failed of 102,400. 256 calls in flight, 40 "
        "waiting, 3 refused. $12.3400 of $500 booked, $3.1000 reserved. 51.2 triplets a minute: about "
        "33.2 h left."
    )
    out = replace(MOMENT, shards=0, begun=100, entered=0, partitions=3, a_minute=0.0, budget=None)
    assert progress(replace(out, away=frozenset({"images"})), some(), 1) == (
        "1 of the first 100 shards, while the rest is being planned; 248 triplets kept, 6 rejected, 2 "
        "failed. 3 partitions are in work. $12.3400 booked, $3.1000 reserved. images cannot be reached: "
        "calls wait."
    )


@pytest.mark.parametrize(
    ("entered", "words"),
    [(257, "about a minute"), (1_000, "about 15 min"), (1_500_000, "about 20.3 days")],
)
def test_the_time_left_is_told_in_words(entered: int, words: str) -> None:
    assert f"{words} left." in progress(replace(MOMENT, entered=entered), some(), 1)


def test_the_funnel_is_shown_while_the_run_goes_on() -> None:
    found = unescape(funnel_so_far("spring", MOMENT, some(), "1 of 400 shards."))
    assert f"| rejected: no_edit | 6 | {SENTENCES[Reason.NO_EDIT]} |" in found
    assert f"| failed: unavailable | 2 | {SENTENCES[Reason.UNAVAILABLE]} |" in found
    assert "| on the way | 102144 |" in found


def test_failures_are_shown_while_the_run_goes_on() -> None:
    tally = some()
    example = Failed("omniedit/7", "align", Reason.UNAVAILABLE, HOSTILE)
    gone = Rejected("omniedit/8", "filter", Reason.NO_EDIT, "0.0001 changed")
    tally.reports[0] = replace(
        tally.reports[0],
        examples={
            ("failed", "align", Reason.UNAVAILABLE): example,
            ("rejected", "filter", Reason.NO_EDIT): gone,
        },
    )
    found = so_far(tally.groups())
    assert headings(found) == [
        "## failed: 2 at align: unavailable",
        "## rejected: 6 at filter: no_edit",
    ]
    assert REMEDIES[Reason.UNAVAILABLE] in unescape(found)
    assert "omniedit/7" in unescape(found) and "<script" not in found
    assert "\\n# heading" not in found


def test_a_gallery_in_a_bucket_says_how_it_is_looked_at() -> None:
    told = unescape(gallery("s3://team/x/corpora/spring/gallery/index.html"))
    command = "aws s3 cp --recursive s3://team/x/corpora/spring/gallery spring-gallery"
    assert command in told and "](" not in told
    assert "on the machine that has the store" in gallery("/store/gallery/index.html")


def test_a_run_that_was_stopped_says_by_what() -> None:
    state = outcome(Standing(entered=1), stopped="No money is left.", kind="budget").state(1)
    assert (state.type, state.name) == (StateType.FAILED, "Stopped: budget")
    assert stop_kind("Stopped: lease lost") == "lease lost"
    assert (stop_kind("Stopped"), stop_kind("Completed")) == ("", None)
    assert stopped_name("") == "Stopped"
