"""One real S3 server on loopback for all tests of the core that need one."""

import itertools
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec
import pytest

from editcorpus.storage import Store

SECRET = "s3cr3t-of-test"
NOBODY = {"endpoint_url": "http://127.0.0.1:1"}


@dataclass(frozen=True)
class S3:
    """A running server, what opens it, and the folder that it serves as `<bucket>/<key>`."""

    folder: Path
    options: dict[str, Any]

    @cached_property
    def files(self) -> Any:
        return fsspec.filesystem("s3", use_listings_cache=False, **self.options)

    def bucket(self, name: str) -> str:
        self.files.mkdir(name)
        return name


@pytest.fixture(scope="session")
def s3(
    tmp_path_factory: pytest.TempPathFactory,
    serve_s3: Callable[[Path, str], AbstractContextManager[str]],
    given_s3: dict[str, str],
) -> Iterator[S3]:
    folder = tmp_path_factory.mktemp("s3")
    if given_s3:
        yield S3(folder, dict(given_s3))
        return
    with serve_s3(folder, SECRET) as url:
        yield S3(folder, {"key": "access", "secret": SECRET, "endpoint_url": url})


@pytest.fixture(scope="session")
def s3_numbers(given_s3: dict[str, str]) -> Iterator[str]:
    """What no bucket of the server has in its name yet."""
    mark = f"{uuid.uuid4().hex[:12]}-" if given_s3 else ""
    return (f"{mark}{number}" for number in itertools.count())


@pytest.fixture
def s3_store(s3: S3, s3_numbers: Iterator[str], tmp_path: Path) -> Store:
    """A store in a bucket of its own."""
    name = s3.bucket(f"store-{next(s3_numbers)}")
    return Store(f"s3://{name}/team", s3.options, tmp_path / "spool")


@pytest.fixture
def disk_store(tmp_path: Path) -> Store:
    return Store.on_disk(tmp_path / "store")


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.s3)])
def any_store(request: pytest.FixtureRequest) -> Store:
    """The test runs twice: on a local folder, and on a bucket."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a Python script in a process of its own; whatever still runs at the end is killed."""
    running = []

    def started(script: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield started
    for process in running:
        process.kill()
        process.communicate()
