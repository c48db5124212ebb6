"""A person's script, shell and event: the very code of docs/prefect.md, on a server with a password."""

import re
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.prefect, pytest.mark.s3, pytest.mark.timeout(1800)]
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SLOW = {"time_scale": 1.0, "latency_s": 3.0}
CALM = {"time_scale": 0.001, "latency_s": None}
OPEN = {"/health", "/ready"}
NOBODY = "00000000-0000-4000-8000-000000000000"


class Script(dict[str, Any]):
    """The names that the code of the document has defined, as attributes."""

    __getattr__ = dict.__getitem__


def blocks(document: str, heading: str, language: str) -> list[str]:
    """The code below a heading of a document, in one language."""
    section = (
        document.partition(f"\n### {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    )
    return [code for kind, code in BLOCK.findall(section) if kind == language]


def filled(code: str, run: str, where: str) -> str:
    """An example of the document with a run and an input of this test's."""
    assert "s3://bucket/data/*.parquet" in code and "spring" in code
    return code.replace("s3://bucket/data/*.parquet", where).replace("spring", run)


@pytest.fixture(scope="module")
def document(pytestconfig: pytest.Config) -> str:
    return (pytestconfig.rootpath / "docs" / "prefect.md").read_text("utf-8")


@pytest.fixture(scope="module")
def script(office: Any, document: str) -> Iterator[Script]:
    """The functions of the document, in a process that knows URL and password."""
    made = Script()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
            patch.setenv(name, office.env[name])
        for heading in ("From a script", "When something happens"):
            exec(blocks(document, heading, "python")[0], made)  # what a person would paste

    def keep(answer: httpx.Response) -> None:
        answer.read()
        office.answers.append((str(answer.url), answer.text))

    made.api.event_hooks = {"response": [keep]}
    yield made
    made.api.close()


@pytest.fixture
def recipe(office: Any) -> Callable[[str], dict[str, Any]]:
    """A small build under a name, with an input that no other has."""

    def made(name: str) -> dict[str, Any]:
        effort = {"retry_delay_s": 0, "budget_usd": 5, "gallery": 0}
        where = office.rows(name)
        return {"run": name, "input": where, "selection": {"shard_size": 1}, "effort": effort}

    return made


def test_a_script_starts_cancels_goes_on_and_reads_what_became_of_it(
    script: Script, recipe: Callable[[str], dict[str, Any]], sandbox: Any
) -> None:
    wanted = recipe("scripted")
    sandbox.admin("config", SLOW)
    first = script.start("omniedit/omniedit", wanted, idempotency_key="scripted-1")
    assert script.start("omniedit/omniedit", wanted, idempotency_key="scripted-1") == first
    while sandbox.admin("summary")["billed"] < 1:
        assert script.ask("GET", f"/flow_runs/{first}")["state"]["type"] not in script.ENDS
        time.sleep(0.2)
    script.cancel(first)
    assert script.ended(first)["type"] == "CANCELLED"
    before = Counter(call["key"] for call in sandbox.admin("journal?billed=true")["calls"])

    sandbox.admin("config", CALM)
    second = script.start("omniedit/omniedit", wanted)
    state = script.ended(second)
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed"), state["message"]
    assert state["message"].startswith("3 entered: 3 kept, 0 rejected, 0 failed; $")
    paid = Counter(call["key"] for call in sandbox.admin("journal?billed=true")["calls"])
    assert set(paid.values()) == {1}
    assert before.items() < paid.items()

    artifacts = {one["key"]: one for one in script.all_of("artifacts", second)}
    assert artifacts["editcorpus-progress"]["data"] == 100
    assert artifacts["editcorpus-funnel"]["description"] == state["message"].partition(" Art")[0]
    once(lambda: "finish" in {one["name"] for one in script.all_of("task_runs", second)})
    names = {one["name"] for one in script.all_of("task_runs", second)}
    assert {"plan", "00002-publish"} <= names
    once(lambda: any("00000 publish" in one["message"] for one in script.all_of("logs", second)))


def once(happened: Callable[[], object]) -> None:
    """Return once something has happened: the server writes task runs and logs down after the fact."""
    until = time.monotonic() + 600
    while not happened():
        assert time.monotonic() < until, "It did not happen in time."
        time.sleep(0.5)


def test_a_wrong_parameter_is_refused_with_a_sentence(script: Script) -> None:
    wrong: dict[str, dict[str, Any]] = {
        "recipe.effort.budget_usd'. Failure reason: 0 is less than": {"effort": {"budget_usd": 0}},
        "recipe.preset'. Failure reason: 'best' is not one of": {"preset": "best"},
    }
    for sentence, members in wrong.items():
        with pytest.raises(RuntimeError, match=re.escape(sentence)) as refused:
            script.start("omniedit/omniedit", {"run": "wrong", "input": "s3://team/in", **members})
        assert str(refused.value).startswith("409: ")
    with pytest.raises(RuntimeError, match=r"404: .*not found"):
        script.start("omniedit/nightly", {})


def test_the_examples_of_the_document_do_what_it_says(
    script: Script, document: str, office: Any, sandbox: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script's and the shell's run beside one another; an event starts the third meanwhile."""
    where = office.rows("examples")
    (line,) = blocks(document, "From a shell", "sh")
    words = shlex.split(filled(line, "by-shell", where))
    with ThreadPoolExecutor(1) as beside:
        shell = beside.submit(office.run, *words)
        exec(
            filled(blocks(document, "When something happens", "python")[1], "by-event", where),
            script,
        )
        found = started_by_event(script, where)
        exec(filled(blocks(document, "From a script", "python")[1], "by-script", where), script)
        said = capsys.readouterr().out
        assert said.startswith("Completed (dry run: $0.") and "Nothing was paid. 3 rows" in said, (
            said
        )
        assert script.ended(found["id"])["name"].startswith("Completed (dry run: $0."), found
        ended = shell.result()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Completed (dry run: $0." in ended.stdout
    assert sandbox.admin("summary")["billed"] == 0


def started_by_event(script: Script, where: str) -> Any:
    """The flow run that the automation makes; a new one hears nothing for some seconds."""
    named = {"name": {"any_": ["omniedit/omniedit on team.rows.arrived"]}}
    (automation,) = script.ask("POST", "/automations/filter", {"automations": named})

    def made() -> list[Any]:
        runs = script.ask("POST", "/flow_runs/filter", {"sort": "EXPECTED_START_TIME_DESC"})
        return [one for one in runs if one["parameters"]["recipe"]["run"] == "by-event"]

    until = time.monotonic() + 600
    while not made():
        assert time.monotonic() < until, "The automation starts nothing."
        again = time.monotonic() + 15
        while not made() and time.monotonic() < again:
            time.sleep(0.5)
        if not made():
            script.tell("team.rows.arrived", "team.bucket", run="by-event", input=where)
    script.ask("DELETE", f"/automations/{automation['id']}")
    assert made()[0]["parameters"]["recipe"]["input"] == where
    return made()[0]


def test_nothing_but_its_health_is_told_to_who_has_no_password(script: Script, office: Any) -> None:
    routes = script.ask("GET", f"{office.url}/openapi.json")["paths"]
    csrf = {
        name: script.api.headers[name] for name in ("Prefect-Csrf-Client", "Prefect-Csrf-Token")
    }
    answered = {}
    with httpx.Client(base_url=f"{office.url}/api", headers=csrf, timeout=60) as stranger:
        for path, methods in routes.items():
            for method in methods:
                answer = stranger.request(method, re.sub(r"{[^}]*}", NOBODY, path))
                answered[method, path] = answer.status_code
    assert len(answered) > 150
    assert {path for (_, path), status in answered.items() if status != 401} == OPEN


def test_a_foreign_page_cannot_write_with_a_browsers_password(script: Script, office: Any) -> None:
    with httpx.Client(base_url=f"{office.url}/api", auth=script.api.auth, timeout=60) as foreign:
        answer = foreign.post("/flow_runs/filter", json={})
    assert (answer.status_code, answer.json()["detail"]) == (403, "Missing CSRF token.")


def test_no_answer_holds_a_secret(script: Script, office: Any) -> None:
    kinds = (
        *("flow_runs", "task_runs", "logs", "artifacts", "deployments", "events", "automations"),
        *("block_documents", "block_schemas", "block_types", "work_pools", "variables", "flows"),
    )
    for kind in kinds:
        found = script.ask("POST", f"/{kind}/filter", {})
        assert found or kind == "variables", kind
    script.ask("GET", "/admin/settings")
    assert any("********" in text for at, text in office.answers if "block_documents" in at)
    assert office.leaks("/admin/settings") == []
