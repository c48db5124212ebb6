"""What the store promises about money, as a person meets it: damaged answers, a budget over all runs."""

import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from editcorpus.storage import Store

pytestmark = pytest.mark.prefect
TWO = ("task_obj_add_42250", "task_attr_mod_color_11750")


@pytest.fixture
def words(shell: Any, write_rows: Callable[..., Path]) -> Callable[..., tuple[object, ...]]:
    """The words of a build of some rows."""

    def made(run: str, rows: tuple[str, ...], *more: object) -> tuple[object, ...]:
        path = write_rows(shell.folder / f"{run}.parquet", rows, 2)
        fixed = ("build", "omniedit", "--input", path, "--store", "store", "--run", run)
        return (*fixed, "--shard-size", 2, "--retry-delay-s", 0, "--json", *more)

    return made


def flip_an_answer(store: Path) -> Path:
    """Change one byte of a stored picture, far behind its header; gives the file."""
    answer = min(path for path in (store / "responses").rglob("*") if path.is_file())
    data = bytearray(answer.read_bytes())
    data[len(data) * 3 // 4] ^= 0x10
    answer.write_bytes(bytes(data))
    return answer


def forget_corpus(store: Path, run: str) -> None:
    """Have the edited pictures made anew, so that the answers are read."""
    shards = [*store.glob(f"runs/{run}/shards/*/filter*"), *store.glob(f"runs/{run}/rollups/*")]
    for path in [*shards, store / f"corpora/{run}/manifest.json"]:
        path.unlink()


def test_a_flipped_byte_is_paid_for_again_at_a_price_that_is_told_or_not_at_all(
    shell: Any, words: Callable[..., tuple[object, ...]], sandbox: Any
) -> None:
    build = words("rot", TWO)
    first = shell.run(*build)
    assert first.code == 0, first.err
    assert "editcorpus: One payer per request: by conditional writes" in first.err
    billed = sandbox.admin("summary")["billed"]
    answer = flip_an_answer(shell.folder / "store")
    cost = Decimal(json.loads(answer.read_bytes().partition(b"\n")[0])["usd"])
    forget_corpus(shell.folder / "store", "rot")

    refused = shell.run(*build, "--no-repay")
    assert refused.code == 2, refused.err
    assert refused.json["failed"] == {"not_repaid": 1}
    assert refused.json["entered"] == 2
    assert sandbox.admin("summary")["billed"] == billed
    assert (
        " ".join(refused.err.split()).count(
            "1 paid answers are damaged in the store and were not asked for again, which would cost about "
            f"${cost:.4f}"
        )
        == 1
    )
    told = shell.run("failures", "--store", "store", "--run", "rot", "--json")
    assert f"${cost:.4f}" in told.out
    assert "--no-repay forbids it" in told.out

    paid = shell.run(*build)
    assert paid.code == 0, paid.err
    assert paid.json["kept"] == first.json["kept"]
    assert sandbox.admin("summary")["billed"] == billed + 1
    assert (
        "1 paid answers that were damaged in the store were asked for again, for "
        f"${cost:.4f}" in " ".join(paid.err.split())
    )
    assert not list((shell.folder / "store" / "damaged").rglob("*"))


def test_runs_of_one_store_never_pass_its_budget_together(
    shell: Any, words: Callable[..., tuple[object, ...]], sandbox: Any, take_ended: Any
) -> None:
    rows = (TWO, ("task_attr_mod_facial_2391", "task_env_weather_113010"))
    rows = (*rows, ("task_obj_remove_380744", "task_obj_swap_rand_mask_417802"))
    budget = Decimal("0.20")
    started = [
        shell.start(*words(f"run-{number}", names, "--store-budget-usd", budget))
        for number, names in enumerate(rows)
    ]
    ends = [take_ended(process) for process in started]
    spent = sum(Decimal(end.json["cost_usd"]) for end in ends)
    assert spent <= budget
    assert Decimal(str(sandbox.admin("summary")["usd"])) <= spent
    assert 3 in {end.code for end in ends}, [end.err for end in ends]
    stopped = next(end for end in ends if end.code == 3)
    assert f"All runs of this store together may cost ${budget}." in stopped.err
    assert f"The budget of ${budget} for all runs of the store would be passed" in stopped.err

    more = [
        shell.run(*words(f"run-{n}", names, "--store-budget-usd", 100))
        for n, names in enumerate(rows)
    ]
    assert [end.code for end in more] == [0, 0, 0], [end.err for end in more]


@pytest.mark.s3
def test_a_bucket_that_ignores_conditions_is_told_and_gets_no_budget(
    shell: Any,
    words: Callable[..., tuple[object, ...]],
    serve_s3: Callable[..., Any],
    tmp_path: Path,
) -> None:
    (tmp_path / "s3" / "team").mkdir(parents=True)
    with serve_s3(tmp_path / "s3", "s3-secret") as url:
        known = shell.having(
            AWS_ACCESS_KEY_ID="access", AWS_SECRET_ACCESS_KEY="s3-secret", AWS_ENDPOINT_URL=url
        )
        store = Store("s3://team", {"key": "access", "secret": "s3-secret", "endpoint_url": url})
        assert not store.promise().conditional
        build = [*words("bucket", TWO)]
        build[build.index("--store") + 1] = "s3://team"
        refused = known.run(*build, "--store-budget-usd", 5)
    assert refused.code == 1
    assert "so nobody can promise a budget over all its runs" in refused.err
    assert "Traceback" not in refused.err
    assert list((tmp_path / "s3" / "team").rglob("*")) == []


@pytest.mark.given_s3
def test_any_bucket_that_honours_conditions_takes_a_build_and_its_budget(
    shell: Any,
    words: Callable[..., tuple[object, ...]],
    given_s3: dict[str, str],
    sandbox: Any,
) -> None:
    bucket = f"build-{uuid.uuid4().hex[:12]}"
    store = Store(f"s3://{bucket}/team", given_s3, shell.folder / "spool")
    files, _ = store.beneath("x")
    files.mkdir(bucket)
    known = shell.having(
        AWS_ACCESS_KEY_ID=given_s3["key"],
        AWS_SECRET_ACCESS_KEY=given_s3["secret"],
        AWS_ENDPOINT_URL=given_s3["endpoint_url"],
    )
    build = [*words("bucket", TWO, "--store-budget-usd", 5)]
    build[build.index("--store") + 1] = f"s3://{bucket}/team"
    first = known.run(*build)
    assert first.code == 0, first.err
    assert "One payer per request: by conditional writes" in first.err
    book = json.loads(store.read("budget.json"))
    spent = first.json["cost_usd"]
    assert book["runs"] == {"bucket": {"limit_usd": spent, "process": ""}}
    billed = sandbox.admin("summary")["billed"]
    again = known.run(*build)
    assert (again.code, again.json["calls"]["paid"]) == (0, 0), again.err
    assert sandbox.admin("summary")["billed"] == billed
    proved = known.run("audit", "--store", f"s3://{bucket}/team", "--run", "bucket")
    assert proved.code == 0, proved.out
