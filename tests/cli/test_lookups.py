"""What a person asks of a store: show, ledger, failures and gc, over one small build."""

import csv
import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from editcorpus.bookings import Intent, to_fields
from editcorpus.journal import encode
from editcorpus.leases import Owner
from editcorpus.runs import own_run
from editcorpus.storage import Store
from flows.cli import main

pytestmark = pytest.mark.prefect
CUT_SHORT = "omniedit/task_obj_add_45556"
Told = tuple[int, str, str]


@pytest.fixture(scope="module")
def built(
    tmp_path_factory: pytest.TempPathFactory, few: Path, served: Any
) -> tuple[Path, dict[str, Any]]:
    """The store of a build in a process of its own, and what it told; not to be changed."""
    store = tmp_path_factory.mktemp("looked-at") / "store"
    words = ("build", "omniedit", "--input", few, "--store", store, "--run", "few")
    ended = served.run(*words, "--shard-size", 3, "--json")
    assert ended.code == 0, ended.err
    return store, ended.json


@pytest.fixture
def copied(built: tuple[Path, Any], shell: Any) -> Path:
    """The same store once more, in the shell's folder."""
    shutil.copytree(built[0], shell.folder / "store")
    return Path(shell.folder / "store")


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """Runs a command in this process: its exit code, and what it said."""

    def asked(*words: object) -> Told:
        code = main([*map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_ledger_adds_up_to_what_build_and_audit_say(
    built: tuple[Path, Any], ask: Callable[..., Told], tmp_path: Path
) -> None:
    store, told = built
    files = ("--csv", tmp_path / "calls.csv", "--parquet", tmp_path / "calls.parquet")
    code, out, _ = ask("ledger", "--store", store, "--run", "few", *files, "--json")
    assert code == 0
    found = json.loads(out)
    usd = Decimal(told["cost_usd"])
    assert Decimal(found["usd"]) == usd
    assert (found["entered"], found["kept"]) == (told["entered"], told["kept"])
    for way in ("step", "model", "day", "verdict"):
        parts = found[f"by_{way}"].values()
        assert sum(Decimal(part["usd"]) for part in parts) == usd
    lines = rows(tmp_path / "calls.csv")
    assert sum(Decimal(line["usd"]) for line in lines) == usd
    table = pq.read_table(tmp_path / "calls.parquet")
    assert sum(table["usd"].to_pylist()) == usd
    assert len(table) == len(lines) == found["calls"]
    _, proved, _ = ask("audit", "--store", store, "--run", "few")
    assert f"0 problems, ${usd:.4f} booked" in proved


def test_ledger_for_people_says_what_each_kept_triplet_cost(
    built: tuple[Path, Any], ask: Callable[..., Told]
) -> None:
    store, told = built
    code, out, _ = ask("ledger", "--store", store, "--possibly")
    assert code == 0
    each = Decimal(told["cost_usd"]) / told["kept"]
    assert f"{told['kept']} kept: ${each:,.4f} for each that is kept." in out
    assert "Answers of the sandbox, never paid: few." in out
    assert "possibly billed" not in out
    for heading in ("step", "model", "day", "verdict"):
        assert any(line.startswith(heading) for line in out.splitlines())


def test_failures_groups_everybody_with_examples_and_what_to_do(
    built: tuple[Path, Any], ask: Callable[..., Told]
) -> None:
    store, told = built
    code, out, _ = ask("failures", "--store", store, "--run", "few", "--json")
    assert code == 0
    found = json.loads(out)
    counts: dict[str, int] = {}
    for group in found["groups"]:
        counts[group["reason"]] = counts.get(group["reason"], 0) + group["count"]
    assert counts == told["rejected"]
    again = {group["reason"]: group["again"] for group in found["groups"]}
    assert again["image_unreadable"] == ""
    measured = [reason for reason in again if reason in {"no_edit", "displaced", "not_done"}]
    command = f"editcorpus redrive --store {store} --run few --reason"
    assert all(again[reason] == f"{command} {reason} --sample" for reason in measured)
    _, out, _ = ask("failures", "--store", store, "--run", "few")
    assert "1 rejected at pad: image_unreadable" in out
    assert "what to do: Fetch the input again" in out
    assert f"  {CUT_SHORT}: " in out
    assert out.count("do again: editcorpus redrive") == sum(bool(one) for one in again.values())
    assert f"few: 0 failed, {sum(counts.values())} rejected, 0 have yet" in out


def test_show_tells_one_triplet_and_writes_its_pictures(
    built: tuple[Path, Any], ask: Callable[..., Told], tmp_path: Path
) -> None:
    store, told = built
    ask("ledger", "--store", store, "--csv", tmp_path / "calls.csv")
    kept = next(line["id"] for line in rows(tmp_path / "calls.csv") if line["verdict"] == "kept")
    code, out, _ = ask("show", kept, "--store", store, "--pictures", tmp_path / "out")
    assert code == 0
    assert out.startswith(f"{kept} in run few, shard 0000")
    written = [line.split("wrote ")[1] for line in out.splitlines() if "wrote " in line]
    assert [Path(name).stem.rpartition("-")[2] for name in written] == [
        *("source", "canvas", "answer", "edited"),
    ]
    assert all(Path(name).is_file() for name in written)
    code, out, _ = ask("show", kept, "--store", store, "--run", "few", "--json")
    (story,) = json.loads(out)["runs"]
    assert (story["verdict"], len(story["requests"]) >= 4) == ("kept", True)
    assert told["run"] == story["run"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("show", "omniedit/task_obj_add_4555"), f"Near ones: {CUT_SHORT}"),
        (("show", "omniedit/task_obj_add_45556", "--run", "none"), "has no run 'none'."),
        (("failures", "--run", "none"), "has no run 'none'."),
        (("ledger", "--run", "none"), "has no run 'none'."),
        (("ledger", "--csv", "no/such/folder/a.csv"), "cannot be written"),
        (("gc", "--keep", "nothing"), "invalid choice"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    built: tuple[Path, Any], ask: Callable[..., Told], words: tuple[str, ...], says: str
) -> None:
    code, out, err = ask(*words, "--store", built[0])
    assert (code, out) == (1, "")
    assert says in err
    assert len(err.splitlines()) == 1


def test_ledger_names_possibly_billed_calls_with_hash_and_worst_case(
    ask: Callable[..., Told], tmp_path: Path
) -> None:
    intent = Intent("p-1", "0" * 64, "r", 0, "x/1", "regenerate", 0, "m", Decimal("0.0612"), "2026")
    line = encode("intent", intent.key, **to_fields(intent))
    Store.on_disk(tmp_path).write("journal/r/p/000000.jsonl", line)
    code, out, _ = ask("ledger", "--store", tmp_path, "--possibly")
    assert code == 0
    assert "1 calls were possibly billed, $0.0612 at worst" in out
    assert f"possibly billed: r regenerate x/1, request {'0' * 64}, up to $0.0612, 2026" in out
    _, out, _ = ask("ledger", "--store", tmp_path, "--run", "r", "--possibly", "--json")
    (named,) = json.loads(out)["possibly"]
    assert (named["request"], named["usd"]) == ("0" * 64, "0.0612")


def test_refilter_shows_what_would_change_and_writes_it_when_it_is_told_to(
    copied: Path, ask: Callable[..., Told]
) -> None:
    found = corpus_rows(copied, "few")
    least = sorted(row["score_done"] for row in found)[1]
    words = ("refilter", "few", "--store", copied, "--set", f"publish.min_done={least}")

    code, out, _ = ask(*words)

    assert code == 0
    assert f"publish.min_done: 0.5 -> {least}" in out
    assert f"\n{len(found) - 1} kept\n1 lost\n  - 1 not_done\n0 won\n" in out
    assert out.endswith("Nothing is written: --yes writes the corpus few-refiltered.\n")
    assert not (copied / "corpora" / "few-refiltered").exists()

    code, out, _ = ask(*words, "--name", "strict", "--yes", "--json")

    told = json.loads(out)
    assert code == 0
    assert (told["kept"], told["lost"], told["won"]) == (len(found) - 1, {"not_done": 1}, {})
    assert told["thresholds"] == {"publish.min_done": [0.5, least]}
    assert sum(row["lost"] for row in told["families"].values()) == 1
    assert (told["written"], told["unjudged_usd"]) == (True, "0.0000")
    assert corpus_rows(copied, "strict") == [row for row in found if row["score_done"] >= least]
    assert ask("audit", "--store", copied, "--run", "strict")[0] == 0


def test_refilter_names_the_thresholds_that_there_are(
    built: tuple[Path, Any], ask: Callable[..., Told]
) -> None:
    store, _ = built
    code, out, err = ask(
        "refilter", "few", "--store", store, "--set", "publish.min_fun=1", "--json"
    )
    assert code == 1
    assert "'publish.min_fun' is no threshold" in err
    assert "publish.min_done, publish.min_preserved" in err
    told = json.loads(out)
    assert (told["run"], told["written"]) == ("few", False)
    assert told["error"] in err


def corpus_rows(store: Path, name: str) -> list[dict[str, Any]]:
    files = sorted((store / "corpora" / name / "data").iterdir())
    return [row for file in files for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("command", [("show", "x/1"), ("ledger",), ("failures", "--run", "r")])
def test_with_json_even_an_early_end_is_one_object(
    ask: Callable[..., Told], tmp_path: Path, command: tuple[str, ...]
) -> None:
    code, out, _ = ask(*command, "--store", tmp_path / "empty", "--json")
    assert code == 1
    assert "has no run" in json.loads(out)["error"]


def test_gc_tells_first_and_a_build_after_it_changes_and_pays_nothing(
    copied: Path,
    shell: Any,
    build: Callable[..., Any],
    sandbox: Any,
    files_below: Any,
    ask: Callable[..., Told],
) -> None:
    before = files_below(copied)
    code, out, _ = ask("gc", "--store", copied, "--keep", "responses")
    assert code == 0
    assert "would go; --yes removes them." in out
    assert files_below(copied) == before
    code, out, _ = ask("gc", "--store", copied, "--keep", "responses", "--yes")
    assert (code, "were removed." in out) == (0, True)
    after = files_below(copied)
    gone = set(before) - set(after)
    assert gone and all(name.endswith(".pictures.parquet") for name in gone)
    again = shell.run(*build())
    assert again.code == 0, again.err
    assert again.json["calls"]["paid"] == sandbox.admin("summary")["billed"] == 0
    assert files_below(copied) == after
    code, out, _ = ask("audit", "--store", copied, "--run", "few")
    assert (code, "cannot be proved" in out) == (0, False)


def test_gc_of_answers_names_their_price_and_audit_what_it_cannot_prove(
    copied: Path, ask: Callable[..., Told], shell: Any
) -> None:
    code, out, _ = ask("gc", "--store", copied, "--keep", "corpus")
    assert code == 0
    assert "To pay for them again would cost $0." in out
    ask("gc", "--store", copied, "--keep", "corpus", "--yes")
    assert not [file for file in (copied / "responses").rglob("*") if file.is_file()]
    code, out, _ = ask("audit", "--store", copied, "--run", "few")
    assert code == 0
    assert "cannot be proved any more: " in out
    assert "0 problems" in out


def test_gc_leaves_a_store_alone_in_which_a_run_is_at_work(
    copied: Path, ask: Callable[..., Told], files_below: Any
) -> None:
    before = set(files_below(copied))
    with own_run(Store.on_disk(copied), "few", Owner("other", "elsewhere", 1), lambda _: None):
        code, out, err = ask("gc", "--store", copied, "--keep", "responses", "--yes")
    assert (code, out) == (1, "")
    assert "The run 'few' is owned by process 1 on elsewhere" in err
    assert set(files_below(copied)) == before
