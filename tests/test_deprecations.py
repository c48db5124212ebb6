"""A call of what Prefect has given notice of fails a test, wherever it is made.

In the process of the tests and in those that they start; `test_deprecated_names.py` looks for what no
test reaches.
"""

import ast
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, task
from prefect.flow_engine import send_heartbeats_sync

ROOT = Path(__file__).parents[1]
PACKAGES = ("editcorpus", "flows", "tasks", "blocks", "editcorpus_flows")
TOY = """
import threading
import warnings

from prefect.settings import get_current_settings

def test_a_callable():
    from prefect.flow_engine import send_heartbeats_sync
    send_heartbeats_sync(None)

def test_a_name_that_moved():
    from prefect.engine import pause_flow_run

def test_a_setting():
    get_current_settings().runner.heartbeat_frequency

def test_a_thread():
    thread = threading.Thread(target=lambda: get_current_settings().runner.heartbeat_frequency)
    thread.start()
    thread.join()

def test_a_notice_in_advance():
    warnings.warn("Artifact creation outside of a run is deprecated.", FutureWarning)

def test_what_replaces_it():
    get_current_settings().flows.heartbeat_frequency
"""


def toy(folder: Path, *words: str) -> dict[str, str]:
    """What a small test of each kind says under this project's configuration; nothing where it passes."""
    (folder / "test_toy.py").write_text(TOY, "utf-8")
    setup = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider")
    said = folder / "said.xml"
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    subprocess.run(
        [sys.executable, "-m", "pytest", *setup, f"--junit-xml={said}", *words, "test_toy.py"],
        cwd=folder,
        env={**plain, "PREFECT_HOME": str(folder)},
        stdout=subprocess.DEVNULL,
    )
    cases = ET.parse(said).iter("testcase")
    return {case.attrib["name"]: "".join(said.attrib["message"] for said in case) for case in cases}


def test_a_deprecated_call_fails_a_test(tmp_path: Path) -> None:
    said = toy(tmp_path)
    assert said.pop("test_what_replaces_it") == ""
    kinds = {
        "test_a_callable": "PrefectDeprecationWarning",
        "test_a_name_that_moved": "DeprecationWarning",
        "test_a_setting": "DeprecationWarning",
        "test_a_thread": "PytestUnhandledThreadExceptionWarning",
        "test_a_notice_in_advance": "FutureWarning",
    }
    assert {name: kind for name, kind in kinds.items() if kind not in said[name]} == {}
    assert said.keys() == kinds.keys()


def test_nothing_but_the_notice_fails_those_tests(tmp_path: Path) -> None:
    said = toy(tmp_path, "-W", "ignore::DeprecationWarning", "-W", "ignore::FutureWarning")
    assert len(said) == 6
    assert set(said.values()) == {""}


@pytest.mark.prefect
def test_a_deprecated_call_fails_the_run_in_which_it_is_made(prefect_api: str) -> None:
    @task
    def heart() -> None:
        send_heartbeats_sync(None)  # type: ignore[arg-type]

    @flow
    def beats() -> None:
        heart.submit().result()  # in a thread of its own

    state: Any = beats(return_state=True)
    assert state.is_failed()
    assert "PrefectDeprecationWarning" in str(state.message)


def test_a_process_that_a_test_starts_ends_at_a_deprecated_call() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "from prefect.engine import pause_flow_run"],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 1
    assert "DeprecationWarning" in made.stderr.splitlines()[-1]


def test_every_environment_that_tests_make_anew_hands_that_on() -> None:
    """All but the server's: what it is warned of is not ours to mend."""
    forgets = {
        f"{file.relative_to(ROOT).as_posix()}:{node.lineno}"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Dict) and None not in node.keys
        for keys in [{key.value for key in node.keys if isinstance(key, ast.Constant)}]
        if {"PATH", "PREFECT_HOME"} <= keys and "PYTHONWARNINGS" not in keys
    }
    assert forgets == set()


def test_every_module_is_imported_without_a_notice() -> None:
    load = (
        "import importlib, pkgutil\n"
        f"for package in map(importlib.import_module, {PACKAGES}):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        found.name.endswith('__main__') or importlib.import_module(found.name)\n"
    )
    made = subprocess.run([sys.executable, "-c", load], cwd=ROOT, capture_output=True, text=True)
    assert (made.returncode, made.stderr) == (0, "")
