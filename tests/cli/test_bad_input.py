"""Whatever is wrong with input, store, endpoint or parameter is one sentence, before Prefect starts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from editcorpus.planning import Selection
from editcorpus.runs import identify_run
from editcorpus.sources.omniedit import SOURCE
from editcorpus.storage import Store
from flows.parameters import Recipe
from flows.settling import settled

SANDBOX = dict.fromkeys(("regenerate", "rewrite", "align"), "sandbox")
SECRET = "s3-planted-51c0de"
WRONG_KEY, WRONG_SECRET = "sk-planted-wrong-1b2c", "s3-planted-wrong-9d8e"


@dataclass(frozen=True)
class Case:
    """Arguments and variables that differ from a good build, and what the sentence must name."""

    says: tuple[str, ...]
    words: tuple[str, ...] = ()
    env: tuple[tuple[str, str | None], ...] = ()
    code: int = 1
    alone: bool = False


def setting(*settings: str) -> tuple[str, ...]:
    return tuple(word for each in settings for word in ("--set", each))


def s3(endpoint: str, secret: str = SECRET) -> tuple[tuple[str, str | None], ...]:
    return (
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", "access"),
        ("AWS_SECRET_ACCESS_KEY", secret),
    )


CASES: dict[str, Case] = {
    "no_input": Case(("No parquet file", "/nowhere"), ("--input", "/nowhere/*.parquet")),
    "wrong_columns": Case(("omni_edit_id", "other.parquet"), ("--input", "other.parquet")),
    "corrupt_parquet": Case(("corrupt.parquet",), ("--input", "corrupt.parquet")),
    "unwritable_store": Case(("store", "cannot be used"), ("--store", "file/store")),
    "missing_bucket": Case(
        ("s3://nobody", "cannot be used"), ("--store", "s3://nobody/x"), s3("S3")
    ),
    "wrong_s3_key": Case(
        ("s3://bucket/x", "cannot be used"), ("--store", "s3://bucket/x"), s3("S3", WRONG_SECRET)
    ),
    "dead_s3": Case(("s3://bucket/x",), ("--store", "s3://bucket/x"), s3("DEAD")),
    "unreadable_input_bucket": Case(
        ("s3://bucket/in",), ("--input", "s3://bucket/in"), s3("S3", WRONG_SECRET)
    ),
    "no_key_at_all": Case(
        ("OPENAI_API_KEY",), env=(("OPENAI_API_KEY", None), ("OPENAI_BASE_URL", None))
    ),
    "no_key_for_endpoint": Case(("images", "refuses the key"), env=(("OPENAI_API_KEY", None),)),
    "wrong_key": Case(("images", "refuses the key"), env=(("OPENAI_API_KEY", WRONG_KEY),)),
    "no_judge": Case(("QWEN_VL_BASE_URL",), env=(("QWEN_VL_BASE_URL", None),)),
    "endpoint_down": Case(("images", "does not answer"), env=(("OPENAI_BASE_URL", "DEAD/v1"),)),
    "judge_down": Case(("judge", "does not answer"), env=(("QWEN_VL_BASE_URL", "DEAD/v1"),)),
    "no_url": Case(("images",), env=(("OPENAI_BASE_URL", "not a url"),)),
    "unknown_model": Case(("gpt-image-9",), setting("regenerate.model=gpt-image-9")),
    "unknown_judge": Case(("Qwen/None",), setting("align.model=Qwen/None")),
    "dead_model": Case(("gpt-image-1", "gpt-image-2"), setting("regenerate.model=gpt-image-1")),
    "wrong_quality": Case(
        ("splendid",), (*setting("regenerate.quality=splendid"), "--preset", "custom")
    ),
    "wrong_limit": Case(("selection.limit", "-1"), ("--limit", "-1")),
    "wrong_in_flight": Case(("--in-flight", "'0'"), ("--in-flight", "0")),
    "wrong_attempts": Case(("--call-attempts", "99"), ("--call-attempts", "99")),
    "negative_budget": Case(("budget of $-1", "no limit"), ("--budget-usd", "-1")),
    "no_dollar": Case(("budget of $0.00", "no limit"), ("--budget-usd", "0.00")),
    "no_number_of_dollars": Case(("'nan'", "dollars"), ("--budget-usd", "nan")),
    "dollars_in_words": Case(("'five'", "dollars"), ("--budget-usd", "five")),
    "slip_of_the_keyboard": Case(("effort.budget_usd", "10000000"), ("--budget-usd", "1e9")),
    "no_dollar_as_a_setting": Case(("effort.budget_usd", "0"), setting("effort.budget_usd=0")),
    "wrong_value": Case(("pad.max_padded_share", "7"), setting("pad.max_padded_share=7")),
    "unknown_name": Case(("pad.colour is no parameter",), setting("pad.colour=red")),
    "unknown_step": Case(("paint",), setting("paint.colour=red")),
    "preset_decides": Case(
        ("standard", "regenerate.quality", "custom"), setting("regenerate.quality=low")
    ),
    "no_value": Case(("--set", "STEP.NAME=VALUE"), setting("pad.canvas")),
    "wrong_run_name": Case(("run", "Not A Name"), ("--run", "Not A Name")),
    "taken_run": Case(("taken", "selection.seed", "was 5", "now 0"), ("--run", "taken")),
    "not_a_number": Case(("--limit", "many"), ("--limit", "many")),
    "unknown_option": Case(("--colour",), ("--colour", "red")),
    "no_command": Case(("command",), alone=True),
    "unknown_command": Case(("paint",), ("paint",), alone=True),
    "unknown_source": Case(("nothing",), ("build", "nothing", "--input", "x"), alone=True),
    "no_input_named": Case(("--input",), ("build", "omniedit"), alone=True),
    "estimate_of_nothing": Case(
        ("/nowhere",), ("estimate", "omniedit", "--input", "/nowhere"), alone=True
    ),
    "audit_of_nothing": Case(
        ("manifest.json", "missing"), ("audit", "--run", "x", "--store", "none"), code=2, alone=True
    ),
    "gallery_of_nothing": Case(
        ("none", "'x'"), ("gallery", "--run", "x", "--store", "none"), alone=True
    ),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file of every wrong kind, and a Prefect that cannot be imported."""
    folder = tmp_path_factory.mktemp("place")
    pq.write_table(pa.table({"id": ["a"], "picture": [b"b"]}), folder / "other.parquet")
    (folder / "corrupt.parquet").write_bytes(b"PAR1" + bytes(range(256)) * 9 + b"PAR1")
    (folder / "file").write_text("This is no folder.")
    (folder / "trap" / "prefect").mkdir(parents=True)
    (folder / "trap" / "prefect" / "__init__.py").write_text(
        "print('PREFECT')\nraise SystemExit(9)\n"
    )
    return folder


@pytest.fixture(scope="module")
def s3_url(tmp_path_factory: pytest.TempPathFactory, serve_s3: Any) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    with serve_s3(folder, SECRET) as url:
        yield url


@pytest.fixture(scope="module")
def run(place: Path, bare: Any, forks: Any) -> Iterator[Callable[..., Any]]:
    """Runs a command there, with some variables changed."""
    there = replace(bare.having(PYTHONPATH=str(place / "trap")), folder=place)
    started = forks(there.env, place)
    yield lambda env, words: started.run(there.having(**env), *words)
    started.close()


@pytest.fixture(scope="module")
def told(
    place: Path, run: Callable[..., Any], one_sandbox: Any, few: Path, s3_url: str, dead_url: str
) -> Callable[[str], Any]:
    """What each case was told."""
    one_sandbox.admin("reset", {})
    taken = {
        **settled(
            Recipe(run="taken", input=str(few), selection=Selection(seed=5)), SOURCE
        ).identity(SOURCE),
        "providers": SANDBOX,
    }
    identify_run(Store.on_disk(place / "store"), "taken", taken)
    good = ("build", "omniedit", "--input", few, "--store", "store", "--run", "x", "--json")

    @cache
    def ended(name: str) -> Any:
        case = CASES[name]
        env = {
            name: value and value.replace("S3", s3_url).replace("DEAD", dead_url)
            for name, value in case.env
        }
        return run(env, case.words if case.alone else (*good, *case.words))

    return ended


@pytest.mark.parametrize("name", CASES)
def test_one_sentence_says_what_is_wrong(name: str, told: Callable[[str], Any]) -> None:
    ended = told(name)
    said = ended.out + ended.err
    assert ended.code == CASES[name].code, said
    sentence = said.splitlines()[-1]
    assert [word for word in CASES[name].says if word not in said] == [], said
    assert sentence.startswith(("editcorpus: ", "usage: ")) or CASES[name].code == 2
    assert "Traceback" not in said
    assert "PREFECT" not in said  # this process did not even import it
    assert len(said) < 1000, said


@pytest.mark.parametrize("name", CASES)
def test_no_key_is_ever_shown(name: str, told: Callable[[str], Any]) -> None:
    ended = told(name)
    assert "planted" not in ended.out + ended.err


def test_nothing_is_paid_and_no_run_begins(
    told: Callable[[str], Any], one_sandbox: Any, place: Path
) -> None:
    for name in CASES:
        told(name)
    summary = one_sandbox.admin("summary")
    assert (summary["billed"], summary["usd"]) == (0, "0")
    assert sorted(path.name for path in (place / "store" / "runs").iterdir()) == ["taken"]
