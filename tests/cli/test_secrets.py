"""Planted keys and passwords are searched for wherever a run leaves a trace; none may be found.

Builds that fail in every way that touches a key, and one that ends well, run against a sandbox, a real
S3 server and a real Prefect server. Saved blocks hold the secrets, encrypted, in Prefect's database.
"""

import base64
import sqlite3
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import psutil
import pyarrow.parquet as pq
import pytest

from editcorpus.checks import check_store
from editcorpus.errors import EditcorpusError
from editcorpus.sandbox import SandboxConfig, running
from editcorpus.storage import Store
from flows.connections import from_environment

pytestmark = [pytest.mark.prefect, pytest.mark.s3]
API_KEY, VLLM_KEY = "sk-planted-4d1f8e2a77", "vllm+planted/9c3b"
S3_SECRET, PREFECT_AUTH = "S3/planted+51c0de==", "admin:planted-8f2e"
WRONG_KEY, WRONG_SECRET, PASSWORD = "sk-planted-wrong-1b2c", "S3/planted-wrong", "planted%21pass"
SECRETS = (API_KEY, VLLM_KEY, S3_SECRET, PREFECT_AUTH, WRONG_KEY, WRONG_SECRET, PASSWORD)
MARK = "planted"
"""A part of every secret, and of nothing else."""
SLOW = {"time_scale": 1.0, "latency_s": 0.4, "faults": {"server_error": 0.2, "key_revoked": 0.0}}
CALM = {"time_scale": 0.001, "latency_s": None, "faults": {}, "keys_revoked": False}


def forms(secret: str) -> set[bytes]:
    """How a secret may look where it has been put into a URL, a header or a JSON text."""
    plain = secret.encode()
    return {
        plain,
        quote(secret, safe="").encode(),
        unquote(secret).encode(),
        base64.b64encode(plain),
        base64.b64encode(f"access:{secret}".encode()),
        base64.b64encode(f"someone:{secret}".encode()),
    }


def found_in(content: bytes) -> list[str]:
    """The secrets that stand in some bytes."""
    return [one for one in SECRETS if any(form in content for form in forms(one))]


@dataclass
class Traces:
    """All that builds have left behind, by where it lay; and the arguments of their processes."""

    places: dict[str, bytes] = field(default_factory=dict)
    arguments: set[str] = field(default_factory=set)
    codes: dict[str, int] = field(default_factory=dict)

    def said(self, name: str, ended: Any) -> Any:
        """Keep what a command said."""
        self.places[f"said by {name}"] = (ended.out + ended.err).encode()
        self.codes[name] = ended.code
        return ended

    def files(self, name: str, folder: Path) -> None:
        """Keep every file below a folder; of tables also what they hold, unpacked."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                place = f"{name} {path.relative_to(folder)}"
                self.places[place] = path.read_bytes()
                if path.suffix == ".parquet":
                    with suppress(OSError, ValueError):
                        self.places[f"{place}, unpacked"] = repr(pq.read_table(path)).encode()

    def database(self, path: Path) -> None:
        """Keep every row of every table of a database."""
        with closing(sqlite3.connect(path)) as opened:
            names = [
                row[0]
                for row in opened.execute("select name from sqlite_master where type='table'")
            ]
            for name in names:
                with suppress(sqlite3.DatabaseError):
                    rows = opened.execute(f'select * from "{name}"').fetchall()
                    self.places[f"table {name}"] = repr(rows).encode()


class Watch:
    """Notes the arguments of every process that a shell starts, and of all that those start."""

    def __init__(self, shell: Any, traces: Traces, take_ended: Callable[..., Any]) -> None:
        self.shell = shell
        self._traces = traces
        self._take_ended = take_ended

    def having(self, **changed: str | None) -> "Watch":
        return Watch(self.shell.having(**changed), self._traces, self._take_ended)

    def start(self, *words: object) -> Any:
        process = self.shell.start(*words)
        threading.Thread(target=self._note, args=(process.pid,), daemon=True).start()
        return process

    def run(self, name: str, *words: object) -> Any:
        return self.ended(name, self.start(*words))

    def unseen(self, name: str, *words: object) -> Any:
        return self._traces.said(name, self.shell.run(*words))

    def ended(self, name: str, process: Any) -> Any:
        return self._traces.said(name, self._take_ended(process))

    def _note(self, pid: int) -> None:
        over = threading.Event()
        with suppress(psutil.Error):
            watched = psutil.Process(pid)
            while watched.is_running() and watched.status() != psutil.STATUS_ZOMBIE:
                for one in [watched, *watched.children(recursive=True)]:
                    with suppress(psutil.Error):
                        self._traces.arguments.add(" ".join(one.cmdline()))
                over.wait(0.2)


@pytest.fixture(scope="module")
def traces(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bare: Any, few: Path
) -> Iterator[Traces]:
    """What all the builds have left."""
    names = ("serve_s3", "serve_prefect", "dead_url", "wait_until", "take_ended", "unused_port")
    serve_s3, serve_prefect, dead_url, wait_until, take_ended, unused_port = map(
        request.getfixturevalue, names
    )
    folder, made = tmp_path_factory.mktemp("secrets"), Traces()
    (folder / "s3" / "team" / "in").mkdir(parents=True)
    (folder / "s3" / "team" / "in" / "few.parquet").write_bytes(few.read_bytes())
    for name in ("home", "work"):
        (folder / name).mkdir()
    config = SandboxConfig(api_keys=(API_KEY,), vllm_api_keys=(VLLM_KEY,), **CALM)
    with ExitStack() as stack:
        server = stack.enter_context(running(config))
        s3 = stack.enter_context(ExitStack())
        bucket_url = s3.enter_context(serve_s3(folder / "s3", S3_SECRET))
        port = int(bucket_url.rpartition(":")[2])
        api_port = unused_port()
        stack.enter_context(serve_prefect(folder / "prefect", api_port))
        names = ("PATH", "PYTHONWARNINGS", "PYTHONPYCACHEPREFIX", "SSL_CERT_FILE")
        env = {name: bare.env[name] for name in names if name in bare.env}
        shell = type(bare)(folder / "work", env).having(
            HOME=str(folder / "home"),
            PREFECT_HOME=str(folder / "home" / "prefect"),
            PREFECT_API_URL=f"http://127.0.0.1:{api_port}/api",
            PREFECT_API_AUTH_STRING=PREFECT_AUTH,
            PREFECT_LOGGING_LEVEL="DEBUG",
            OPENAI_BASE_URL=server.url,
            OPENAI_API_KEY=API_KEY,
            QWEN_VL_BASE_URL=server.vllm_url,
            QWEN_VL_API_KEY=VLLM_KEY,
            AWS_ENDPOINT_URL=bucket_url,
            AWS_ACCESS_KEY_ID="access",
            AWS_SECRET_ACCESS_KEY=S3_SECRET,
            AWS_MAX_ATTEMPTS="1",  # botocore draws its pauses, which come to minutes
        )
        watch = Watch(shell, made, take_ended)
        _stopped(watch, server, wait_until, s3)
        s3.enter_context(serve_s3(folder / "s3", S3_SECRET, port))
        server.admin("config", CALM)
        _refused(watch, dead_url)
        _whole(watch)
    made.files("store", folder / "s3")
    made.files("home", folder / "home")
    made.files("work", folder / "work")
    made.files("prefect", folder / "prefect")
    made.database(folder / "prefect" / "prefect.db")
    yield made


def _words(*more: object, run: str = "few") -> tuple[object, ...]:
    fixed = ("build", "omniedit", "--input", "s3://team/in/*.parquet", "--store", "s3://team/x")
    pace = ("--shard-size", 3, "--retry-delay-s", 0, "--json", "--verbose")
    return (*fixed, "--run", run, *pace, *more)


def _stopped(watch: Watch, server: Any, wait_until: Any, s3: ExitStack) -> None:
    """A key is revoked, and then the bucket goes away, in the middle of a run."""
    server.admin("config", SLOW)
    process = watch.start(*_words("--in-flight", 1))
    wait_until(process, lambda: server.admin("summary")["billed"] >= 2)
    server.admin("config", {"keys_revoked": True})
    watch.ended("key revoked", process)
    server.admin("config", {**SLOW, "keys_revoked": False})
    process = watch.start(*_words("--in-flight", 1))
    wait_until(process, lambda: server.admin("summary")["billed"] >= 4)
    s3.close()
    watch.ended("bucket gone", process)


def _refused(watch: Watch, dead_url: str) -> None:
    """Keys that are wrong, and passwords within URLs."""
    secret_url = dead_url.replace("//", f"//someone:{PASSWORD}@")
    cases = {
        "wrong API key": {"OPENAI_API_KEY": WRONG_KEY},
        "wrong key of the judge": {"QWEN_VL_API_KEY": WRONG_KEY},
        "wrong S3 secret": {"AWS_SECRET_ACCESS_KEY": WRONG_SECRET},
        "password in the API's URL": {"OPENAI_BASE_URL": f"{secret_url}/v1"},
        "password in the S3 URL": {"AWS_ENDPOINT_URL": secret_url},
        "password in Prefect's URL": {"PREFECT_API_URL": f"{secret_url}/api"},
    }
    typed = {
        "password in the input's URL": ("--input", f"{secret_url}/few.parquet"),
        "password in the store's URL": ("--store", f"s3://someone:{PASSWORD}@team/x"),
    }
    with ThreadPoolExecutor(2) as pool:
        for name, env in cases.items():
            pool.submit(watch.having(**env).run, name, *_words())
        for name, more in typed.items():  # whoever types it shows it to `ps`, and nobody else does
            pool.submit(watch.unseen, name, *_words(*more))


def _whole(watch: Watch) -> None:
    """A build to its end in two processes, and everything that looks at what it made."""
    watch.run("whole build", *_words("--set", "effort.processes=2"))
    where = ("--store", "s3://team/x", "--run", "few")
    looks: dict[str, tuple[object, ...]] = {
        "audit": ("audit", *where),
        "ledger": ("ledger", *where),
        "gallery": ("gallery", *where),
        "show": ("show", "omniedit/task_obj_add_42250", *where),
    }
    with ThreadPoolExecutor(2) as pool:
        for name, words in looks.items():
            pool.submit(watch.run, name, *words)


CODES = {
    "key revoked": 3,
    "bucket gone": 3,
    "whole build": 0,
    "audit": 0,
    "ledger": 0,
    "gallery": 0,
    "show": 0,
}


def test_the_builds_ended_as_they_were_meant_to(traces: Traces) -> None:
    """So that what is searched is what such runs leave."""
    ended = {name: traces.codes[name] for name in CODES}
    assert ended == CODES, {
        name: traces.places[f"said by {name}"][-2000:]
        for name in CODES
        if ended[name] != CODES[name]
    }
    refused = {
        name: code for name, code in traces.codes.items() if "wrong" in name or "URL" in name
    }
    assert set(refused.values()) == {1} and len(refused) == 8, refused


def test_every_kind_of_trace_was_searched(traces: Traces) -> None:
    """A search that looks nowhere finds nothing."""
    kinds = (
        *("store team/x/journal/few", "store team/x/runs/few", "store team/x/responses"),
        *("store team/x/corpora/few", "prefect server.log", "prefect prefect.db"),
        *("table log", "table flow_run", "table artifact", "table block_document", "said by show"),
    )
    missing = [kind for kind in kinds if not any(place.startswith(kind) for place in traces.places)]
    assert missing == [], sorted(traces.places)
    assert any(place.endswith("index.html") for place in traces.places)
    assert b"gAAAA" in traces.places["table block_document"], "that is how Fernet's texts begin"
    assert b"few" in traces.places["table flow_run"]
    assert len(traces.places["table log"]) > 10_000
    assert any("flows.partition" in words for words in traces.arguments)
    assert any("build omniedit" in words for words in traces.arguments)
    assert all(MARK in secret for secret in SECRETS)


def test_no_secret_is_found_in_anything_that_was_left(traces: Traces) -> None:
    found = {place: found_in(content) for place, content in traces.places.items()}
    assert {place: names for place, names in found.items() if names} == {}
    marked = {
        place: content[max(0, content.index(MARK.encode()) - 80) :][:160]
        for place, content in traces.places.items()
        if MARK.encode() in content and not place.endswith((".png", ".jpg", ".html"))
    }
    assert marked == {}, "not even a part of one"


def test_no_process_has_a_secret_among_its_arguments(traces: Traces) -> None:
    assert [words for words in traces.arguments if MARK in words] == []


def test_what_holds_secrets_does_not_show_them(
    traces: Traces, dead_url: str, tmp_path: Path
) -> None:
    from blocks.corpus_store import CorpusStore
    from blocks.model_endpoint import ModelEndpoint

    environment = {
        "OPENAI_BASE_URL": f"{dead_url}/v1",
        "OPENAI_API_KEY": API_KEY,
        "QWEN_VL_BASE_URL": f"{dead_url}/v1",
        "QWEN_VL_API_KEY": VLLM_KEY,
        "AWS_ENDPOINT_URL": dead_url,
        "AWS_ACCESS_KEY_ID": "access",
        "AWS_SECRET_ACCESS_KEY": S3_SECRET,
    }
    made = from_environment(environment, "s3://team/x", {})
    blocks = [CorpusStore(**made.store), ModelEndpoint(**made.images), ModelEndpoint(**made.judge)]
    shown = [made, made.open_store(), *made.endpoints().values(), *blocks]
    assert MARK not in repr(shown) + str(shown)


@pytest.mark.parametrize("look", ["check", "read", "list", "write"])
def test_no_exception_of_a_store_holds_its_secret(look: str, dead_url: str, tmp_path: Path) -> None:
    """Not even in the chain of its causes, which a crash would print."""
    hasty = {"connect_timeout": 1, "retries": {"total_max_attempts": 1}}
    options = {"key": "access", "secret": S3_SECRET, "endpoint_url": dead_url}
    store = Store("s3://team/x", {**options, "config_kwargs": hasty}, tmp_path)
    words = {"read": ("a",), "list": ("a",), "write": ("a", b"b")}.get(look, ())
    with pytest.raises(EditcorpusError) as caught:
        if look == "check":
            check_store(store)
        else:
            getattr(store, look)(*words)
    assert found_in("".join(traceback.format_exception(caught.value)).encode()) == []
