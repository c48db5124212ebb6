"""Commands that end before they begin say so in one sentence, and with `--json` in one object."""

import json
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from flows.outcome import Outcome


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "QWEN_VL_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("words", "run", "sentence"),
    [
        (("build", "omniedit", "--input", "x"), "omniedit", "OPENAI_API_KEY is not set"),
        (("build", "omniedit", "--input", "x", "--run", "a"), "a", "OPENAI_API_KEY is not set"),
        (("build", "omniedit"), "", "--input"),
        (
            ("build", "omniedit", "--input", "x", "--set", "endpoints.store=s"),
            "omniedit",
            "endpoints.store cannot be set here",
        ),
        (("demo", "--folder", "/dev/null/x"), "demo", "The demo cannot write to /dev/null/x"),
    ],
)
def test_json_has_all_members_though_nothing_was_built(
    words: tuple[str, ...], run: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json"]) == 1
    said = capsys.readouterr()
    found: dict[str, Any] = json.loads(said.out.splitlines()[-1])
    assert sentence in found["error"]
    assert said.err.splitlines()[-1] == f"editcorpus: {found['error']}"
    assert found["run"] == run
    assert (found["entered"], found["kept"], found["cost_usd"]) == (0, 0, "0")
    assert found["calls"] == {"paid": 0, "cached": 0, "possibly_billed": 0}
    assert found.keys() - {"error", "seconds"} == _members()


def _members() -> set[str]:
    from decimal import Decimal

    from editcorpus.stages.summary import Standing

    calls = {"paid": 0, "cached": 0, "possibly_billed": 0}
    return set(Outcome("r", Standing(), calls, Decimal(0), "", "", "").as_json())


def test_without_json_standard_output_stays_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "omniedit", "--input", "x"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--faults", "x"), "faults takes NAME=RATE,..., not 'x'."),
        (("--faults", "reset=a"), "faults takes NAME=RATE,..., not 'reset=a'."),
        (("--faults", "nonsense=0.1"), "faults.nonsense: Input should be 'rate_limit'"),
        (("--defects", "echo=7"), "defects.echo: Input should be less than or equal to 1."),
        (("--port", "99999"), "port: "),
        (("--time-scale", "0"), "time_scale: "),
        (("--journal", "/dev/null/x"), "The sandbox cannot start at 127.0.0.1:"),
    ],
)
def test_a_sandbox_with_wrong_settings_is_refused(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sandbox", "--port", "0", *words]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"editcorpus: {sentence}")
    assert said.err.count("\n") == 1


def test_a_port_in_use_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["sandbox", "--port", str(port)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"editcorpus: The sandbox cannot start at 127.0.0.1:{port}: ")
    assert said.err.count("\n") == 1


def test_the_exported_variables_name_the_port_that_was_found(bare: Any, tmp_path: Path) -> None:
    process = bare.start("sandbox", "--port", 0, "--journal", tmp_path / "journal")
    try:
        line = process.stdout.readline()
        found = re.search(r"OPENAI_BASE_URL=http://127\.0\.0\.1:(\d+)/v1 ", line)
        assert found is not None, line
        assert f"QWEN_VL_BASE_URL=http://127.0.0.1:{found[1]}/vllm/v1" in line
        with socket.create_connection(("127.0.0.1", int(found[1])), timeout=30):
            pass
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert out == ""
