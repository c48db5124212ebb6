"""The package by whose name all flows are started: whether what it leads to is this project's."""

import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

import editcorpus_flows
from editcorpus_flows import OURS, foreign, main
from flows.processes import apart_from_here

ROOT = Path(__file__).parents[1]
SENTENCE = "Python finds the package 'flows' in "


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The folder of another project that has flows, too."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "__init__.py").write_text("")
    return tmp_path


def python(folder: Path, code: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run code as a worker does, whose folder comes first."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def found(root: Path) -> dict[str, ModuleSpec | None]:
    specs: dict[str, ModuleSpec | None] = {}
    for name in OURS:
        specs[name] = spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(root / name)]
    return specs


def test_all_packages_are_ours() -> None:
    assert foreign() == ""


@pytest.mark.parametrize("name", OURS)
def test_one_that_is_another_project_s_or_missing_is_named(name: str, tmp_path: Path) -> None:
    ours = found(ROOT)
    assert foreign(ROOT, ours) == ""
    there = foreign(ROOT, {**ours, name: found(tmp_path)[name]})
    assert f"the package {name!r} in {tmp_path / name}, which is another project's" in there
    assert f"the package {name!r} in nowhere" in foreign(ROOT, {**ours, name: None})


def test_a_shell_in_another_project_s_folder_ends_in_one_sentence(elsewhere: Path) -> None:
    ended = python(elsewhere, "import sys, editcorpus_flows as e; sys.exit(e.main())")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"editcorpus: {SENTENCE}{elsewhere / 'flows'}, which is")
    assert len(ended.stderr.splitlines()) == 1


def test_whoever_deploys_in_another_project_s_folder_is_told(elsewhere: Path) -> None:
    ended = python(elsewhere, "import editcorpus_flows; editcorpus_flows.omniedit")
    assert ended.stderr.splitlines()[-1].startswith(f"ImportError: {SENTENCE}{elsewhere}")


def test_the_command_line_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["editcorpus", "nothing"])
    assert main() == 1
    assert "nothing" in capsys.readouterr().err


def test_what_is_no_flow_is_no_attribute() -> None:
    assert editcorpus_flows.omniedit.name == "omniedit"
    for name in ("none", "_hidden", "__path_hooks__"):
        with pytest.raises(AttributeError):
            getattr(editcorpus_flows, name)


def test_a_process_that_is_started_looks_in_no_other_project_s_folder(tmp_path: Path) -> None:
    here, ours = str(tmp_path), str(ROOT)
    assert apart_from_here([here, "", ours]) == ["-P"]
    assert apart_from_here([ours, here]) == []  # they are known by this folder alone
