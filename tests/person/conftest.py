"""A Prefect server as a team has one: a password, CSRF protection, blocks, deployments, and a worker.

What its API answers to a person's browser and script is kept, so that secrets can be searched for in it.
"""

import base64
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import pytest
from chromium import PATIENCE_MS, launched

from editcorpus.sandbox import Running
from editcorpus.storage import Store

ROOT = Path(__file__).parents[2]
PATIENCE_S = 900
"""For a worker to fetch a run, start its process and end it, on a loaded machine."""
AUTH, S3_SECRET = "admin:planted-4c71d9", "S3/planted+9e20aa=="
HOOK = "https://chat.invalid/planted-77"
ENDS = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
ROWS = ("task_obj_add_42250", "task_attr_mod_color_11750", "task_obj_remove_380744")
WANTED = """\
[store.editcorpus]
root = "s3://team/editcorpus"
endpoint_url = { env = "S3_URL" }
access_key = "access"
secret_key = { env = "S3_SECRET" }
spool = { env = "SPOOL" }

[endpoint.images]
base_url = { env = "API_URL" }
api_key = { env = "API_KEY" }
provider = "sandbox"
in_flight = 2
call_attempts = 2

[endpoint.writer]
base_url = { env = "API_URL" }
api_key = { env = "API_KEY" }
provider = "sandbox"

[endpoint.judge]
base_url = { env = "VLLM_URL" }
provider = "sandbox"
tariff = "free"

[webhook.team]
url = { env = "HOOK" }

[automations]
lost_after_s = 0
pause_while_down = false
"""


@dataclass(frozen=True)
class Office:
    """A team's Prefect server with a worker.

    Attributes:
        url: Of the server's pages.
        env: What a person's shell holds.
        secrets: What nobody may see.
        rows: Puts an input of three rows into the bucket under a name; gives its URL.
        answers: What the API has answered so far, with where.
    """

    url: str
    env: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    rows: Callable[..., str] = field(default=str, repr=False)
    answers: list[tuple[str, str]] = field(default_factory=list, repr=False)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of this environment to its end, as that person does."""
        command = [str(Path(sys.executable).with_name(words[0])), *words[1:]]
        return subprocess.run(
            command,
            env=dict(self.env),
            cwd=ROOT,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )

    def again(self, run: str, count: int) -> dict[str, Any]:
        """A flow run, once it has been begun so many times and has ended."""
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = httpx.get(
                f"{self.url}/api/flow_runs/{run}", auth=(*AUTH.split(":"),), timeout=60
            )
            found: dict[str, Any] = answer.json() if answer.is_success else {}
            if found and found["run_count"] >= count and found["state_type"] in ENDS:
                return found
            assert time.monotonic() < until, f"It was not begun again: {answer.text[:600]}"
            time.sleep(0.5)

    def leaks(self, path: str) -> list[tuple[str, str]]:
        """Where a secret stands in an answer; some answers must have come from below a path."""
        assert any(path in where for where, _ in self.answers), sorted(
            {at for at, _ in self.answers}
        )
        forms = {form for one in self.secrets for form in _forms(one)}
        return [(at, one) for at, text in self.answers for one in forms if one in text]


def _forms(secret: str) -> set[str]:
    """How a secret may look in JSON, in a URL and in a header."""
    coded = {base64.b64encode(f"{who}{secret}".encode()).decode() for who in ("", "access:")}
    return {secret, quote(secret, safe=""), *coded}


@contextmanager
def _worker(env: Mapping[str, str], log: Path) -> Iterator[None]:
    """A worker of the pool `local`, until it is no longer needed."""
    command = [str(Path(sys.executable).with_name("prefect")), "worker", "start", "--pool", "local"]
    with log.open("wb") as told:
        started = subprocess.Popen(
            command, env=dict(env), cwd=ROOT, stdout=told, stderr=told, start_new_session=True
        )
    try:
        yield
    finally:
        for process in (*psutil.Process(started.pid).children(recursive=True), started):
            process.kill()
        started.wait()


@pytest.fixture(scope="session")
def office(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    serve_prefect: Any,
    serve_s3: Any,
    unused_port: Callable[[], int],
    one_sandbox: Running,
    write_rows: Callable[..., Path],
    key: str,
) -> Iterator[Office]:
    folder, port = tmp_path_factory.mktemp("office"), unused_port()
    url = f"http://127.0.0.1:{port}"
    (folder / "s3" / "team" / "in").mkdir(parents=True)
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": os.environ["PYTHONWARNINGS"],
        "SSL_CERT_FILE": os.environ["SSL_CERT_FILE"],
        "HOME": str(folder),
        "PREFECT_HOME": str(folder / "worker"),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_API_AUTH_STRING": AUTH,
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    if compiled := os.environ.get("PYTHONPYCACHEPREFIX"):
        env["PYTHONPYCACHEPREFIX"] = compiled
    server = {
        "PREFECT_SERVER_API_AUTH_STRING": AUTH,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_UI_API_URL": f"{url}/api",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    }

    def rows(name: str, second: str = "") -> str:
        instructions = {row: f"Make it {name} {number}." for number, row in enumerate(ROWS)}
        instructions[ROWS[1]] = second or instructions[ROWS[1]]
        file = write_rows(folder / f"{name}.parquet", ROWS, 1, instructions)
        options = {"key": "access", "secret": S3_SECRET, "endpoint_url": s3_url}
        Store("s3://team/in", options, folder).write(file.name, file.read_bytes())
        return f"s3://team/in/{file.name}"

    with (
        serve_s3(folder / "s3", S3_SECRET) as s3_url,
        serve_prefect(folder / "prefect", port, **server),
    ):
        made = Office(url, env, (AUTH, AUTH.partition(":")[2], key, S3_SECRET, HOOK), rows)
        (folder / "wanted.toml").write_text(WANTED, "utf-8")
        secrets = {"S3_SECRET": S3_SECRET, "API_KEY": key, "HOOK": HOOK}
        places = {"API_URL": one_sandbox.url, "VLLM_URL": one_sandbox.vllm_url, "S3_URL": s3_url}
        known = {**env, **secrets, **places, "SPOOL": str(folder / "spool")}
        words = ("editcorpus", "setup-prefect", "--from", str(folder / "wanted.toml"))
        done = replace(made, env=known).run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        with _worker(env, folder / "worker.log"):
            yield made


@dataclass
class Page:
    """A browser's page on the server, of a person who has logged in.

    Attributes:
        page: Playwright's.
        office: The server.
        shots: Where pictures of it are kept.
    """

    page: Any
    office: Office
    shots: Path
    _heard: list[Any] = field(default_factory=list)

    @property
    def main(self) -> Any:
        return self.page.get_by_role("main")

    def hear(self) -> None:
        """Keep what the API answers from now on."""
        self.page.on("response", self._answered)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._framed))

    def _answered(self, answer: Any) -> None:
        self._heard.append(answer)

    def _framed(self, frame: Any) -> None:
        self.office.answers.append(("websocket", str(frame)))

    def shot(self, name: str) -> None:
        """Keep a picture of the page, and what the API has answered meanwhile."""
        self.page.screenshot(path=self.shots / f"{name}.png", full_page=True)
        heard, self._heard[:] = [*self._heard], []
        for answer in heard:
            if "/api/" in answer.url:
                with suppress(Exception):  # of a page that was left, the browser keeps none
                    self.office.answers.append((answer.url, answer.text()))

    def goto(self, path: str) -> None:
        self.page.goto(f"{self.office.url}/v2{path}")

    def login(self) -> None:
        self.goto("/login")
        self.page.get_by_placeholder("admin:pass").fill(AUTH)
        self.page.get_by_role("button", name="Login").click()
        self.page.get_by_text("Logout").wait_for()

    def deployment(self, name: str) -> None:
        """Open the page of a deployment from the list, once the search has changed its address."""
        self.goto("/deployments")
        self.page.get_by_placeholder("Search deployments").fill(name)
        self.page.wait_for_url(lambda url: f"flowOrDeploymentName={name}" in url)
        self.page.get_by_role("link", name=name, exact=True).first.click()
        self.page.get_by_role("button", name="Run", exact=True).wait_for()

    def takes(self, path: str, act: Callable[[], None]) -> Any:
        """Do what sends something to a path of the API; its answer, or None where the server is busy."""

        def sent(one: Any) -> bool:
            return one.request.method in {"POST", "PATCH"} and path in one.url

        with self.page.expect_response(sent) as got:
            act()
        assert got.value.ok or got.value.status == 503, (got.value.status, got.value.text())
        return got.value if got.value.ok else None

    def submit(self) -> str:
        """Submit a form, again where the server is busy, and open the page of the flow run; gives its id."""
        button = self.main.get_by_role("button", name="Submit")
        while not (answer := self.takes("/create_flow_run", button.click)):
            button.wait_for()
        run = str(answer.json()["id"])
        self.goto(f"/runs/flow-run/{run}")
        return run

    def choose(self, item: str, sure: str = "") -> None:
        """Choose an item of the flow run's menu, and confirm it; again where the server is busy."""
        while True:
            self.main.get_by_role("button", name="Open menu").first.click()
            self.page.get_by_role("menuitem", name=item, exact=True).click()
            if not sure:
                return
            asked = self.page.get_by_role("alertdialog")
            if self.takes("/set_state", asked.get_by_role("button", name=sure, exact=True).click):
                return
            self.page.reload()

    def until(self, text: str) -> None:
        """Return once the flow run's state is called so; somebody who waits looks anew at times."""
        until = time.monotonic() + PATIENCE_S
        found = self.main.get_by_text(re.compile(text)).first
        while not found.is_visible():
            if time.monotonic() > until:
                self.shot("never")
                raise AssertionError(
                    f"The page does not say {text}: {self.main.inner_text()[:600]}"
                )
            with suppress(Exception):
                found.wait_for(timeout=20_000)
                break
            self.page.reload()
            self.main.wait_for()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as made:
        yield made


@pytest.fixture
def page(browser: Any, office: Office, tmp_path: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    kept = Path(os.environ.get("EDITCORPUS_TEST_SHOTS", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)
    made = Page(context.new_page(), office, kept)
    made.hear()
    made.login()
    yield made
    context.close()
