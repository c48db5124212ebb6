"""A disk that is full, a store that turns read-only, a bucket that goes away: the whole command line.

Disks are mounted in a namespace of their own, for which no rights are needed where the kernel lets
users have namespaces.
"""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.prefect
Words = Callable[..., tuple[object, ...]]
SLOW = {"time_scale": 1.0, "latency_s": 0.5}
CALM = {"time_scale": 0.001, "latency_s": None}
SECRET = "s3-planted-51c0de"


_TRIES = 300
"""How often a mount is tried; each takes some milliseconds."""


@dataclass(frozen=True)
class Namespace:
    """A place of its own for mounts, which ends with the process that holds it."""

    holder: "subprocess.Popen[bytes]"

    @property
    def words(self) -> tuple[str, ...]:
        """What stands before a command that is to run in it."""
        pid = str(self.holder.pid)
        return ("nsenter", "--target", pid, "--user", "--preserve-credentials", "--mount", "--")

    def mount(self, *words: object) -> None:
        """Mount; a folder in which a file is being written is busy, and tried again."""
        command = [*self.words, "mount", *map(str, words)]
        for _ in range(_TRIES):
            if subprocess.run(command, check=False, capture_output=True).returncode == 0:
                return
        subprocess.run(command, check=True)

    def umount(self, folder: Path) -> None:
        subprocess.run([*self.words, "umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "echo; read end"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline(), "This kernel gives no namespace to mount a small disk in."
        yield Namespace(holder)
        holder.stdin.close()


@pytest.fixture
def disk(namespace: Namespace, shell: Any) -> Iterator[tuple[Path, Any]]:
    """A folder that may be mounted on, which is the store, and a shell that sees what is there."""
    folder = shell.folder / "store"
    folder.mkdir()
    namespace.mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", folder)
    yield folder, replace(shell, before=namespace.words)
    namespace.umount(folder)


def stopped(ended: Any, *says: str) -> dict[str, Any]:
    """What a build told that had to stop, in one sentence."""
    assert ended.code == 3, ended.err
    said = " ".join(ended.err.split())
    assert [word for word in says if word not in said] == [], said
    assert "Traceback" not in said
    assert said.count("editcorpus: ") == said.count("editcorpus: One payer per request") + 1
    told: dict[str, Any] = ended.json
    return told


def refused(ended: Any, *says: str) -> None:
    """A build did not even begin, and one sentence says why."""
    assert ended.code in {1, 3}, ended.err
    (line,) = ended.err.splitlines()
    assert line.startswith("editcorpus: ")
    assert [word for word in says if word not in line] == [], line


def ends_well(shell: Any, words: tuple[object, ...], sandbox: Any) -> int:
    """The same command goes on; it pays again for no more than what it names as possibly billed.

    Returns:
        How many calls that is.
    """
    sandbox.admin("config", CALM)
    whole = shell.run(*words)
    assert whole.code == 0, whole.err
    assert whole.json["failed"] == {}
    lost = int(whole.json["calls"]["possibly_billed"])
    billed = Counter(call["key"] for call in sandbox.admin("journal?billed=true")["calls"])
    assert sum(count - 1 for count in billed.values()) <= lost
    proved = shell.run("audit", "--store", words[-1], "--run", "few")
    assert proved.code == 0, proved.out
    return lost


def test_a_disk_that_runs_full_stops_a_build_that_goes_on_with_more_space(
    namespace: Namespace, disk: tuple[Path, Any], build: Words, sandbox: Any
) -> None:
    folder, shell = disk
    words = build("--in-flight", 2, "--store", folder)
    namespace.mount("-o", "remount,size=6m", folder)
    told = stopped(shell.run(*words), "No space is left for", str(folder))
    assert told["entered"] == 8
    assert told["failed"]["not_reached"] >= 1
    namespace.mount("-o", "remount,size=64m", folder)
    assert ends_well(shell, words, sandbox) == told["calls"]["possibly_billed"]


def test_a_full_disk_is_told_before_anything_is_paid(
    namespace: Namespace, disk: tuple[Path, Any], build: Words, sandbox: Any
) -> None:
    folder, shell = disk
    namespace.mount("-o", "remount,size=64k", folder)
    fill = ["sh", "-c", 'head -c 1m /dev/zero > "$0/fill"; true', str(folder)]
    subprocess.run([*namespace.words, *fill], check=True, stderr=subprocess.DEVNULL)
    refused(shell.run(*build("--store", folder)), "No space is left for", str(folder))
    assert sandbox.admin("summary")["billed"] == 0


def test_a_store_that_turns_read_only_stops_a_build_that_goes_on_later(
    namespace: Namespace,
    disk: tuple[Path, Any],
    build: Words,
    sandbox: Any,
    wait_until: Any,
    take_ended: Any,
) -> None:
    folder, shell = disk
    words = build("--in-flight", 1, "--store", folder)
    sandbox.admin("config", SLOW)
    process = shell.start(*words)
    wait_until(process, lambda: sandbox.admin("summary")["billed"] >= 2)
    namespace.mount("--bind", folder, folder)
    namespace.mount("-o", "remount,bind,ro", folder)
    told = stopped(take_ended(process), "Read-only file system")
    refused(shell.run(*words), "Read-only file system")
    namespace.umount(folder)
    assert ends_well(shell, words, sandbox) == told["calls"]["possibly_billed"]


@pytest.mark.s3
def test_a_bucket_that_goes_away_stops_a_build_that_goes_on_when_it_is_back(
    shell: Any, build: Words, sandbox: Any, serve_s3: Any, wait_until: Any, take_ended: Any
) -> None:
    bucket = shell.folder / "s3"
    (bucket / "team").mkdir(parents=True)
    words = build("--in-flight", 1, "--store", "s3://team/x")
    sandbox.admin("config", SLOW)
    with ExitStack() as stack:
        url = stack.enter_context(serve_s3(bucket, SECRET))
        shell = shell.having(
            AWS_ENDPOINT_URL=url,
            AWS_ACCESS_KEY_ID="access",
            AWS_SECRET_ACCESS_KEY=SECRET,
            AWS_MAX_ATTEMPTS="1",  # botocore draws its pauses, which come to minutes
        )
        process = shell.start(*words)
        wait_until(process, lambda: sandbox.admin("summary")["billed"] >= 2)
        stack.close()
        told = stopped(take_ended(process), "s3://team/x", "run the same again to go on")
        assert told["entered"] == 0 and told["error"]  # who could say, without the bucket
        refused(shell.run(*words), "The store s3://team/x cannot be used")
        port = int(url.rpartition(":")[2])
        stack.enter_context(serve_s3(bucket, SECRET, port))
        ends_well(shell, words, sandbox)
