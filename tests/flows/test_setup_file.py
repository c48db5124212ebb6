"""The file of a set-up, and what is asked at a terminal in its place; no server is needed."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types import SecretDict
from pydantic import SecretStr

from editcorpus.errors import ConfigError
from flows.automations import Settings
from flows.setup_blocks import KINDS
from flows.setup_deployments import read_deployments
from flows.setup_file import SECRETS, Pool, Queue, read_wanted, wanted_of
from flows.setup_prefect import server
from flows.setup_prompts import Terminal, asked, of_sandbox

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "deployments" / "setup.example.toml"
SECRET = "planted-5a6b7c"
ENVIRONMENT = {"KEY": f"{SECRET}\n", "EMPTY": ""}


def members(text: str, environment: Mapping[str, str] = ENVIRONMENT) -> dict[str, Any]:
    """What a file asks for of its only block."""
    (found,) = wanted_of(tomllib.loads(text), environment).blocks.values()
    return dict(found)


def test_the_example_is_a_whole_set_up() -> None:
    names = (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "OPENAI_API_KEY",
        "EDITCORPUS_WEBHOOK_URL",
    )
    wanted = read_wanted(EXAMPLE, dict.fromkeys(names, "https://planted"))
    assert {kind for kind, _ in wanted.blocks} == set(SECRETS)
    for (kind, name), found in wanted.blocks.items():
        plain = {
            one: value.get_secret_value() if isinstance(value, SecretStr) else value
            for one, value in found.items()
        }
        made = KINDS[kind](**plain)
        assert set(found) <= set(type(made).model_fields), (kind, name)
    assert wanted.pools["local"].queues["runs"] == Queue(concurrency_limit=8)
    assert wanted.automations is not None
    assert Settings.model_validate(wanted.automations).notify == "webhook/team"


def test_knows_every_secret_of_every_block() -> None:
    for kind, block in KINDS.items():
        found = {
            name
            for name, field in block.model_fields.items()
            if {field.annotation, *get_args(field.annotation)} & {SecretStr, SecretDict}
        }
        assert found == SECRETS[kind], kind


def test_takes_secrets_from_the_environment_and_from_files(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n", "utf-8")
    found = members('[endpoint.images]\napi_key = { env = "KEY" }\nprovider = { env = "KEY" }')
    assert found == {"api_key": SecretStr(SECRET), "provider": SECRET}
    found = members(f'[store.a]\nsecret_key = {{ file = "{path}" }}\nhub_token = ""')
    assert found == {"secret_key": SecretStr(SECRET), "hub_token": SecretStr("")}
    found = members('[webhook.a]\nheaders = { Authorization = { env = "KEY" } }')
    assert found == {"headers": {"Authorization": SecretStr(SECRET)}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f'[store.a]\nsecret_key = "{SECRET}"', "store.a.secret_key is a secret and cannot stand"),
        (f'[endpoint.a]\napi_key = ["{SECRET}"]', "endpoint.a.api_key is a secret and cannot"),
        (f'[webhook.a]\nurl = "https://{SECRET}"', "webhook.a.url is a secret and cannot stand"),
        (f'[webhook.a]\nheaders = {{ K = "{SECRET}" }}', "webhook.a.headers.K is a secret"),
        ('[endpoint.a]\napi_key = { env = "NOT_THERE" }', "NOT_THERE is not set"),
        ('[endpoint.a]\napi_key = { env = "EMPTY" }', "EMPTY is not set"),
        ('[endpoint.a]\napi_key = { file = "not/there" }', "No such file"),
        ("[stores.a]\nroot = 'x'", r"\[stores\] is no table of a set-up"),
        ("store = 'x'", r"store is to be tables with names, such as \[store.team\]"),
        ("[store]\nroot = 'x'", r"store is to be tables with names"),
        ("[store.'Not A Name']\nroot = 'x'", "a name has small letters"),
        ("[pool.local]\nkind = 'process'", "pool.local: kind: Extra inputs"),
        ("[pool.local.queues.runs]\nconcurrency_limit = -1", "greater than or equal to 0"),
        ("automations = 3", "automations is to be a table"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_sentence_without_a_secret(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        wanted_of(tomllib.loads(text), ENVIRONMENT)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("[store\n", "utf-8")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * 70_000)
    for name, told in {"broken": "no TOML", "bytes": "no TOML", "none": "No such file"}.items():
        with pytest.raises(ConfigError, match=told):
            read_wanted(tmp_path / f"{name}.toml", {})
    with pytest.raises(ConfigError, match="too large"):
        members(f'[endpoint.a]\napi_key = {{ file = "{tmp_path / "large"}" }}')


class Person:
    """Answers in order, and keeps what was shown."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.shown: list[str] = []

    def ask(self, question: str) -> str:
        self.shown.append(question)
        return self.answers.pop(0)


def test_asks_for_what_is_missing_and_hides_secrets() -> None:
    person, hidden = Person("s3://team/x", "", "access", "", ""), Person("s3", "sk", "")
    made = asked(Terminal(person.ask, hidden.ask), ())
    assert made["store", "editcorpus"] == {
        "root": "s3://team/x",
        "endpoint_url": "",
        "access_key": "access",
        "secret_key": SecretStr("s3"),
    }
    assert made["endpoint", "images"]["api_key"] == SecretStr("sk")
    assert made["endpoint", "images"]["base_url"] == "https://api.openai.com/v1"
    assert made["endpoint", "judge"]["tariff"] == "free"
    assert person.answers == hidden.answers == []
    assert all("not shown" in question for question in hidden.shown)


def test_asks_nothing_where_all_is_there() -> None:
    there = [("store", "editcorpus"), *(("endpoint", n) for n in ("images", "writer", "judge"))]
    assert asked(Terminal(Person().ask, Person().ask), there) == {}
    some = asked(Terminal(Person("store", "").ask, Person("").ask), there[1:3])
    assert list(some) == [("store", "editcorpus"), ("endpoint", "judge")]


def test_a_trial_names_the_sandbox_everywhere() -> None:
    made = of_sandbox("http://127.0.0.1:8100/", "store")
    urls = {name: found.get("base_url") for (_, name), found in made.items()}
    assert urls == {
        "editcorpus": None,
        "images": "http://127.0.0.1:8100/v1",
        "writer": "http://127.0.0.1:8100/v1",
        "judge": "http://127.0.0.1:8100/vllm/v1",
    }
    providers = {found["provider"] for of, found in made.items() if of[0] == "endpoint"}
    assert providers == {"sandbox"}


@pytest.mark.parametrize("name", ["prefect", "docker", "kubernetes"])
def test_understands_every_file_of_deployments(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITCORPUS_IMAGE", "registry.example/editcorpus:1")
    found = read_deployments(ROOT / "deployments" / f"{name}.yaml", os.environ)
    (pool,) = found.pools.values()
    assert pool.type == {"prefect": "process"}.get(name, name)
    assert pool.queues["runs"].concurrency_limit == 8
    assert [*pool.queues] == ["runs", "partitions"]
    ours = [] if name == "prefect" else ["job_configuration", "variables"]
    assert [*pool.base_job_template] == ours
    assert len(found.all) >= 15
    image = {one["work_pool"]["job_variables"].get("image") for one in found.all}
    assert image == {None if name == "prefect" else "registry.example/editcorpus:1"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image: '{{ $IMAGE }}'", "takes IMAGE from the environment, and it is not set"),
        ("deployments: 3", "has no list `deployments`"),
        ("{", "is no YAML file"),
        ("deployments: []", "steps other than `pull: \\[\\]`"),
        ("pull: []\ndeployments: [{name: a}]", "the deployment a has no `entrypoint`"),
        (
            "pull: []\ndeployments: [{name: a, entrypoint: b, work_pool: {name: c}, triggers: []}]",
            "the deployment a has `triggers`, which only `prefect deploy` understands",
        ),
    ],
)
def test_says_what_only_prefect_deploy_can_do(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "prefect.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=told):
        read_deployments(path, {})


@pytest.mark.parametrize(
    ("template", "told"),
    [(None, "cannot be read: No such file"), ("{", "is no JSON file: Expecting")],
)
def test_says_what_is_wrong_with_a_job_template(
    template: str | None, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "docker.yaml"
    path.write_text("pull: []\ndefinitions: {base_job_template: a.json}\ndeployments: []", "utf-8")
    if template:
        (tmp_path / "a.json").write_text(template, "utf-8")
    with pytest.raises(ConfigError, match=f"a.json {told}"):
        read_deployments(path, {})


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (401, "asks for a password: set PREFECT_API_AUTH_STRING"),
        (422, "The Prefect server answers 422 to /api/work_pools/: no such field"),
    ],
)
def test_what_the_server_refuses_is_one_sentence(status: int, told: str) -> None:
    request = httpx.Request("POST", "http://127.0.0.1:9/api/work_pools/")
    answer = httpx.Response(status, text="no such field", request=request)
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(ConfigError, match=told),
        server(),
    ):
        answer.raise_for_status()


def test_a_pool_is_one_of_processes_unless_it_is_said() -> None:
    assert Pool().type == "process"
