"""A process dies where it was told to, and nowhere else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from editcorpus.errors import ConfigError
from editcorpus.failpoints import VARIABLE, Failpoint, FragileStore, open_store
from editcorpus.storage import Store

PATH = "runs/r/shards/00001/publish.json"
OLD, NEW = b"old", b"new" * 100
SCRIPT = """
import sys
from editcorpus.failpoints import open_store
store = open_store(sys.argv[1], {}, None, sys.argv[2])
store.write("runs/r/run.json", b"first")
store.write(sys.argv[3], sys.argv[4].encode())
print("alive")
"""


def written_under(folder: Path, failpoint: str) -> "subprocess.CompletedProcess[str]":
    Store.on_disk(folder).write(PATH, OLD)
    words = [sys.executable, "-c", SCRIPT, str(folder), failpoint, PATH, NEW.decode()]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("when", "content", "left"), [("before", OLD, 0), ("during", OLD, 1), ("after", NEW, 0)]
)
def test_a_process_dies_at_its_failpoint(tmp_path: Path, when: str, content: bytes, left: int):
    ended = written_under(tmp_path, f"{when}:runs/*/publish.json:1")
    assert ended.returncode == -signal.SIGKILL
    assert "alive" not in ended.stdout
    assert Store.on_disk(tmp_path).read(PATH) == content
    assert len(list(tmp_path.rglob(".*.tmp"))) == left


@pytest.mark.parametrize("failpoint", ["", "after:runs/*/publish.json:2", "before:answers/*:1"])
def test_a_process_that_does_not_reach_its_failpoint_lives(tmp_path: Path, failpoint: str):
    ended = written_under(tmp_path, failpoint)
    assert (ended.returncode, ended.stdout) == (0, "alive\n"), ended.stderr
    assert Store.on_disk(tmp_path).read(PATH) == NEW


def test_without_a_failpoint_a_store_is_a_plain_one(tmp_path: Path):
    assert type(open_store(str(tmp_path), {}, None, "")) is Store


@pytest.mark.parametrize("text", ["during", "now:x:1", "after::1", "after:x:0", "after:x:y"])
def test_a_failpoint_that_is_none_is_refused(tmp_path: Path, text: str):
    with pytest.raises(ConfigError, match=f"{VARIABLE} takes WHEN:PATTERN:N"):
        open_store(str(tmp_path), {}, None, text)


class Dead(Exception):
    """Stands for the end of the process."""


def dead() -> None:
    raise Dead


@pytest.mark.parametrize(
    ("when", "content"), [("before", b""), ("during", b"l"), ("after", b"line")]
)
def test_lines_of_a_journal_can_be_cut(tmp_path: Path, when: str, content: bytes):
    store = FragileStore(Failpoint(when, "journal/*", 1), dead, str(tmp_path))
    file = tmp_path / "journal" / "0"
    file.parent.mkdir()
    handle = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    try:
        with pytest.raises(Dead):
            store.append("journal/0", handle, b"li" if when == "during" else b"line")
    finally:
        os.close(handle)
    assert file.read_bytes() == content
