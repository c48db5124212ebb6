"""`editcorpus setup-prefect` on a Prefect server of its own, as a person and their script run it."""

import os
import pty
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.prefect
KEY, OTHER = "sk-planted-setup-51ab", "sk-planted-other-77cd"
DEPLOYMENTS = """\
pull: []
definitions:
  queues: [{name: runs, priority: 1, concurrency_limit: 8}]
deployments:
  - name: omniedit
    entrypoint: editcorpus_flows.omniedit
    tags: [editcorpus, omniedit]
    work_pool: {name: local, work_queue_name: runs, job_variables: {env: {A: "1"}}}
    schedules: [{cron: "0 2 * * *", timezone: UTC, slug: nightly, active: false}]
    parameters: {recipe: {run: pilot, input: data, effort: {budget_usd: 25}}}
  - name: corpus
    entrypoint: editcorpus_flows.corpus
    tags: [editcorpus]
    concurrency_limit: {limit: 1, collision_strategy: CANCEL_NEW}
    work_pool: {name: theirs, work_queue_name: default}
"""
WANTED = """\
[store.editcorpus]
root = "ROOT"

[endpoint.images]
base_url = "URL/v1"
api_key = { env = "SETUP_KEY" }
provider = "sandbox"
in_flight = 16

[budget.team]
budget_usd = 5

[webhook.team]
url = { env = "SETUP_KEY" }

[pool.local.queues.runs]
concurrency_limit = 3

[automations]
notify = "webhook/team"
lost_after_s = 0
"""


class Patient(httpx.HTTPTransport):
    """Asks again where the server says that its database is locked, as Prefect's own client does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(50):
            response = super().handle_request(request)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return response
            response.close()
            threading.Event().wait(0.5)
        raise AssertionError("The server stays busy.")


@dataclass(frozen=True)
class Ready:
    """A Prefect server, and a shell in a folder with the files of a set-up."""

    shell: Any
    api: httpx.Client
    database: Path

    def set_up(self, *more: object) -> Any:
        words = ("setup-prefect", "--deployments", "prefect.yaml", "--json", *more)
        return self.shell.run(*words)

    def asked(self, path: str) -> Any:
        return self.api.get(path).raise_for_status().json()

    def block(self, slug: str, name: str) -> dict[str, Any]:
        path = f"/block_types/slug/{slug}/block_documents/name/{name}"
        found: dict[str, Any] = self.asked(f"{path}?include_secrets=true")
        return found


@pytest.fixture(scope="module")
def ready(
    tmp_path_factory: pytest.TempPathFactory,
    bare: Any,
    serve_prefect: Callable[..., Any],
    unused_port: Callable[[], int],
    one_sandbox: Any,
) -> Iterator[Ready]:
    folder, port = tmp_path_factory.mktemp("set-up"), unused_port()
    wanted = WANTED.replace("ROOT", str(folder / "store"))
    url = one_sandbox.url.removesuffix("/v1")
    (folder / "wanted.toml").write_text(wanted.replace("URL", url), "utf-8")
    (folder / "prefect.yaml").write_text(DEPLOYMENTS, "utf-8")
    with serve_prefect(folder / "server", port):
        api = f"http://127.0.0.1:{port}/api"
        shell = replace(bare.having(PREFECT_API_URL=api), folder=folder)
        with httpx.Client(base_url=api, transport=Patient(retries=3), timeout=60) as client:
            client.post(
                "/work_pools/", json={"name": "theirs", "type": "docker"}
            ).raise_for_status()
            yield Ready(shell, client, folder / "server" / "prefect.db")


def whats(ended: Any, *kinds: str) -> dict[str, str]:
    """What was done to each thing, by its name."""
    changes = ended.json["changes"]
    return {one["name"]: one["what"] for one in changes if not kinds or one["kind"] in kinds}


@pytest.fixture(scope="module")
def first(ready: Ready) -> dict[str, Any]:
    """A look before anything is there, the first set-up, and another after `prefect deploy`."""
    own = replace(ready, shell=ready.shell.having(SETUP_KEY=KEY))
    look = own.set_up("--from", "wanted.toml", "--check")
    made = own.set_up("--from", "wanted.toml")
    command = Path(sys.executable).with_name("prefect")
    words = [command, "--no-prompt", "deploy", "--all", "--prefect-file", "prefect.yaml"]
    env, folder = dict(ready.shell.env), ready.shell.folder
    subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True)
    return {"look": look, "made": made, "again": own.set_up("--from", "wanted.toml")}


def test_a_look_tells_what_would_be_done_and_does_nothing(first: dict[str, Any]) -> None:
    look = first["look"]
    assert look.code == 2, look.err
    found = whats(look)
    assert found.pop("theirs") == found.pop("theirs/default") == "kept"
    assert set(found.values()) == {"created"}
    assert "To be done: " in look.out
    assert whats(first["made"]) == whats(look), "nothing had been made meanwhile"


def test_the_first_set_up_makes_everything_and_every_block_checks_itself(
    first: dict[str, Any], ready: Ready
) -> None:
    made = first["made"]
    assert made.code == 2, made.err  # the key is none of the sandbox's
    checks = made.json["checks"]
    assert "refuses the key" in checks.pop("model-endpoint/images")
    assert checks == {"corpus-store/editcorpus": "", "budget/team": ""}
    assert ready.block("model-endpoint", "images")["data"]["api_key"] == KEY
    pool = ready.asked("/work_pools/local")
    assert pool["type"] == "process"
    assert "command" in pool["base_job_template"]["variables"]["properties"]
    queue = ready.asked("/work_pools/local/queues/runs")
    assert queue["concurrency_limit"] == 3
    deployment = ready.asked("/deployments/name/omniedit/omniedit")
    assert deployment["pull_steps"] == []
    assert deployment["work_queue_name"] == "runs"
    assert "recipe" in deployment["parameter_openapi_schema"]["properties"]
    assert [one["active"] for one in deployment["schedules"]] == [False]
    limited = ready.asked("/deployments/name/corpus/corpus")
    assert limited["global_concurrency_limit"]["limit"] == 1
    assert limited["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert "editcorpus: budget" in whats(made, "automation")


def test_a_second_set_up_changes_nothing_and_says_so(first: dict[str, Any]) -> None:
    """Nor does it change a deployment that `prefect deploy` has made of the same file meanwhile."""
    again = first["again"]
    assert set(whats(again).values()) == {"kept"}
    assert "Nothing had to be changed." in again.out


def test_what_people_change_stays_but_for_what_is_asked_for(
    first: dict[str, Any], ready: Ready
) -> None:
    images = ready.block("model-endpoint", "images")
    edit = {"data": {"in_flight": 99, "call_attempts": 2}}
    ready.api.patch(f"/block_documents/{images['id']}", json=edit).raise_for_status()
    found = ready.asked("/deployments/name/omniedit/omniedit")
    path = f"/deployments/{found['id']}"
    nightly = f"{path}/schedules/{found['schedules'][0]['id']}"
    ready.api.patch(nightly, json={"active": True}).raise_for_status()
    theirs = [{"schedule": {"cron": "0 5 * * 1"}, "active": True, "slug": "mondays"}]
    ready.api.post(f"{path}/schedules", json=theirs).raise_for_status()
    ready.api.patch(path, json={"tags": ["mine"]}).raise_for_status()
    less = '[endpoint.images]\nin_flight = 16\napi_key = { env = "SETUP_KEY" }\n'
    (ready.shell.folder / "less.toml").write_text(less, "utf-8")

    own = replace(ready, shell=ready.shell.having(SETUP_KEY=OTHER))
    ended = own.set_up("--from", "less.toml")
    changed = {one["name"]: one["why"] for one in ended.json["changes"] if one["what"] == "changed"}
    assert changed == {"model-endpoint/images": "api_key, in_flight", "omniedit/omniedit": "tags"}
    assert OTHER not in ended.out + ended.err
    assert whats(ended, "automation")["editcorpus: budget"] == "kept", "nothing is said of them"
    data = ready.block("model-endpoint", "images")["data"]
    assert (data["in_flight"], data["call_attempts"], data["api_key"]) == (16, 2, OTHER)
    found = ready.asked("/deployments/name/omniedit/omniedit")
    assert sorted(found["tags"]) == ["editcorpus", "omniedit"]
    schedules = {one["slug"]: one["active"] for one in found["schedules"]}
    assert schedules == {"nightly": True, "mondays": True}
    pool = ready.asked("/work_pools/theirs")
    assert (pool["type"], pool["base_job_template"]) == ("docker", {})


def test_answers_of_the_api_mask_every_secret_and_the_database_holds_none(
    first: dict[str, Any], ready: Ready
) -> None:
    shown = ready.api.post("/block_documents/filter", json={}).raise_for_status()
    assert "********" in shown.text
    others = [
        ready.api.post(f"/{kind}/filter", json={}).raise_for_status().text
        for kind in ("block_schemas", "block_types", "deployments", "automations", "logs")
    ]
    with closing(sqlite3.connect(ready.database)) as opened:
        names = [
            row[0] for row in opened.execute("select name from sqlite_master where type='table'")
        ]
        rows = [repr(opened.execute(f'select * from "{name}"').fetchall()) for name in names]
    said = [one.out + one.err for one in first.values()]
    for text in (shown.text, *others, *rows, *said):
        assert KEY not in text
        assert OTHER not in text


def test_the_sandbox_takes_the_place_of_nothing_real(first: dict[str, Any], ready: Ready) -> None:
    images = ready.block("model-endpoint", "images")
    edit = {"data": {"provider": "openai"}}
    ready.api.patch(f"/block_documents/{images['id']}", json=edit).raise_for_status()
    ended = ready.set_up("--sandbox", ready.shell.env["OPENAI_BASE_URL"])
    assert ended.code == 1
    assert (
        "model-endpoint/images is the endpoint of 'openai', and the sandbox does not" in ended.err
    )
    assert ready.block("model-endpoint", "images")["data"]["api_key"] == OTHER


def test_what_cannot_be_is_one_sentence(first: dict[str, Any], ready: Ready) -> None:
    (ready.shell.folder / "wrong.toml").write_text("[endpoint.images]\nin_flight = -5\n", "utf-8")
    ended = ready.set_up("--from", "wrong.toml", "--check")
    assert ended.code == 1
    assert "endpoint.images.in_flight: Input should be greater than or equal to 1" in ended.err
    assert "Traceback" not in ended.err
    assert ended.json["error"] in ended.err


class Refusing(BaseHTTPRequestHandler):
    """Passes requests on to a server, but for new work pools, which it refuses."""

    protocol_version = "HTTP/1.1"
    behind: httpx.Client

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.command == "POST" and self.path == "/api/work_pools/":
            return self._answer(httpx.Response(403, json={"detail": "Not for you."}))
        kept = {key: value for key, value in self.headers.items() if key.lower() != "host"}
        url = str(self.behind.base_url).removesuffix("/api/") + self.path
        return self._answer(self.behind.request(self.command, url, content=body, headers=kept))

    do_GET = do_PATCH = do_PUT = do_DELETE = do_POST  # noqa: N815

    def _answer(self, given: httpx.Response) -> None:
        self.send_response(given.status_code)
        self.send_header("content-type", given.headers.get("content-type", "application/json"))
        self.send_header("content-length", str(len(given.content)))
        self.end_headers()
        self.wfile.write(given.content)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def test_where_the_server_refuses_something_what_was_done_before_is_told(
    first: dict[str, Any], ready: Ready
) -> None:
    (ready.shell.folder / "more.toml").write_text(
        "[budget.second]\nbudget_usd = 7\n\n[pool.new]\ntype = 'process'\n", "utf-8"
    )
    handler = type("Handler", (Refusing,), {"behind": ready.api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as relay:
        threading.Thread(target=relay.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{relay.server_port}/api"
        through = replace(ready, shell=ready.shell.having(PREFECT_API_URL=url))
        ended = through.set_up("--from", "more.toml")
        relay.shutdown()
    assert ended.code == 1, ended.out + ended.err
    assert "403" in ended.err and "Traceback" not in ended.err
    assert "budget/second" in ended.out and "Done: 1 created" in ended.out
    assert ready.block("budget", "second")["data"]["budget_usd"] == 7


def test_without_a_server_there_is_nothing_to_set_up(bare: Any) -> None:
    ended = bare.run("setup-prefect")
    assert ended.code == 1
    assert "PREFECT_API_URL is not set" in ended.err


def test_a_person_at_a_terminal_is_asked_and_types_the_key_unseen(
    first: dict[str, Any], ready: Ready
) -> None:
    """The store and the endpoint of pictures are there: the writer and the judge are asked for."""
    for name in ("writer", "judge"):
        path = f"/block_types/slug/model-endpoint/block_documents/name/{name}"
        if ready.api.get(path).is_success:
            ready.api.delete(f"/block_documents/{ready.block('model-endpoint', name)['id']}")
    answers = {b"texts": b"", b"Its key (": OTHER.encode(), b"judge [": b"", b"if it has one": b""}
    shell = ready.shell
    command = str(Path(sys.executable).with_name("editcorpus"))
    words = [command, "setup-prefect", "--deployments", "prefect.yaml"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        words,
        cwd=shell.folder,
        env=dict(shell.env),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    with process:
        while piece := _read(ours):
            seen += piece
            for question in [one for one in answers if one in seen]:
                os.write(ours, answers.pop(question) + b"\n")
    os.close(ours)
    assert answers == {}, seen
    assert OTHER.encode() not in seen
    writer = ready.block("model-endpoint", "writer")["data"]
    assert (writer["api_key"], writer["base_url"]) == (OTHER, "https://api.openai.com/v1")
    assert ready.block("model-endpoint", "judge")["data"]["provider"] == "vllm"


def _read(terminal: int) -> bytes:
    """What a program shows; nothing once it has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
