"""What the artifacts of a flow run say, as text."""

import logging
from decimal import Decimal
from html import unescape
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prefect.exceptions import PrefectException

from editcorpus.records import REMEDIES, SENTENCES, Failed, Reason, Rejected
from editcorpus.stages.summary import Standing
from flows import artifacts
from flows.artifacts import Watch, failures, funnel
from flows.outcome import Outcome

HOSTILE = (
    "a|b <script>alert(1)</script> [x](javascript:alert) ![p](http://evil/x.png)\n# heading `c`"
)
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
    found = failures(outcome(standing), "s3://team/x")
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


def test_the_shards_that_are_named_are_few() -> None:
    many = failed(*((shard, "align", Reason.UNAVAILABLE, "") for shard in range(25)))
    assert "00019 and 5 more." in failures(outcome(many), "store")


def test_text_from_outside_stays_inert() -> None:
    standing = failed((0, "regenerate", Reason.UNAVAILABLE, HOSTILE))
    standing.entered += 1
    standing.rejected.append(Rejected("omniedit/r", "pad", Reason.IMAGE_BLANK, HOSTILE))
    places = {"corpus": f"/store/{HOSTILE}", "gallery": f"s3://bucket/{HOSTILE}"}
    for text in (
        failures(outcome(standing), HOSTILE),
        funnel(outcome(standing, stopped=HOSTILE, **places)),
        funnel(outcome(standing, gallery="https://x.example/a)[b](javascript:c)<b>`")),
    ):
        assert "<" not in text
        assert "](javascript" not in text
        assert "![" not in text
        assert "\n# heading" not in text
    assert len(headings(failures(outcome(standing), "store"))) == 2


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


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), PrefectException("no such run")])
def test_a_server_that_fails_costs_artifacts_and_one_warning(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    for name in (
        "create_progress_artifact",
        "create_markdown_artifact",
        "update_progress_artifact",
    ):
        monkeypatch.setattr(artifacts, name, refuse)
    shop: Any = SimpleNamespace(store=SimpleNamespace(root="store"))
    plan: Any = SimpleNamespace(shards=2, entered=5)
    with caplog.at_level(logging.WARNING), Watch(shop) as watch:
        watch.opened(shop)
        watch.planned(plan)
        watch.shard_ended(0)
        watch.ended(outcome(failed((0, "align", Reason.UNAVAILABLE, ""))))
    assert [record.message for record in caplog.records] == [
        f"Artifacts of this run are not up to date: {type(error).__name__}: {error}"
    ]
