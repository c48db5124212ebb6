"""The file of a set-up: which blocks, pools and automations a Prefect server is to have.

A secret never stands in the file: `{ env = "NAME" }` takes it from the environment of whoever sets up,
and `{ file = "/run/secrets/name" }` from a file.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError, first_line
from flows.words import is_block_name

SECRETS: Mapping[str, frozenset[str]] = {
    "store": frozenset({"secret_key", "hub_token"}),
    "endpoint": frozenset({"api_key"}),
    "budget": frozenset(),
    "webhook": frozenset({"url", "headers"}),
}
"""The kinds of block that can be made, and the members of each that are secrets."""
_MOST_BYTES = 65_536
"""Of a file with one secret; a key has some hundred bytes."""
_REFERENCES = {"env", "file"}


class Queue(BaseModel):
    """A work queue of a pool."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency_limit: int | None = Field(None, ge=0, description="Flow runs at once; none: any.")
    priority: int | None = Field(
        None, ge=1, description="1 comes first; none: the server's choice."
    )


class Pool(BaseModel):
    """A work pool, which is made where there is none of its name, and otherwise left as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field("process", description="Such as process, docker or kubernetes.")
    queues: dict[str, Queue] = Field({}, description="Its work queues by name.")
    base_job_template: dict[str, Any] = Field(
        {}, description="What its jobs are made of; empty: what Prefect has for its type."
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a server is to have beside the deployments.

    Attributes:
        blocks: By kind and name, the members that are said; secrets among them are `SecretStr`.
        pools: By name.
        automations: Members of the automations' settings; None where nothing is said of them.
    """

    blocks: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    automations: Mapping[str, Any] | None = None


def read_wanted(path: Path, environment: Mapping[str, str]) -> Wanted:
    """Read the file of a set-up.

    Args:
        path: A TOML file.
        environment: Such as `os.environ`, for secrets that are to be taken from there.

    Raises:
        ConfigError: It cannot be read, has another shape, holds a secret, or names one that is missing.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:  # of TOML and of UTF-8
        raise ConfigError(f"{path} is no TOML file: {first_line(error)}.") from None
    return wanted_of(content, environment)


def wanted_of(content: Mapping[str, Any], environment: Mapping[str, str]) -> Wanted:
    """What the content of a file asks for.

    Raises:
        ConfigError: As `read_wanted` says.
    """
    known = {*SECRETS, "pool", "automations"}
    for name in content.keys() - known:
        raise ConfigError(
            f"[{name}] is no table of a set-up; there are {', '.join(sorted(known))}."
        )
    blocks = {
        (kind, name): _block(f"{kind}.{name}", SECRETS[kind], members, environment)
        for kind in SECRETS
        for name, members in _tables(kind, content).items()
    }
    pools = {name: _pool(name, members) for name, members in _tables("pool", content).items()}
    automations = content.get("automations")
    if not isinstance(automations, dict | None):
        raise ConfigError("automations is to be a table, [automations].")
    return Wanted(blocks, pools, automations)


def _tables(kind: str, content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    found = content.get(kind, {})
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ConfigError(f"{kind} is to be tables with names, such as [{kind}.team].")
    if kind != "pool":
        for name in found:
            if not is_block_name(name):
                raise ConfigError(f"{kind}.{name}: a name has small letters, digits and dashes.")
    return found


def _pool(name: str, members: Mapping[str, Any]) -> Pool:
    try:
        return Pool.model_validate(members)
    except ValidationError as error:
        raise ConfigError(f"pool.{name}: {first_problem(error)}") from None


def _block(
    where: str, secrets: frozenset[str], members: Mapping[str, Any], environment: Mapping[str, str]
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in members.items():
        here = f"{where}.{name}"
        if name not in secrets:
            made[name] = _taken(here, value, environment) if _refers(value) else value
        elif isinstance(value, dict) and not _refers(value):
            made[name] = {
                one: _secret(f"{here}.{one}", of, environment) for one, of in value.items()
            }
        else:
            made[name] = _secret(here, value, environment)
    return made


def _refers(value: object) -> bool:
    return isinstance(value, dict) and len(value) == 1 and value.keys() <= _REFERENCES


def _secret(where: str, value: object, environment: Mapping[str, str]) -> SecretStr:
    if value == "":
        return SecretStr("")
    if not _refers(value):
        raise ConfigError(
            f'{where} is a secret and cannot stand in the file: give {{ env = "NAME" }} or '
            '{ file = "/run/secrets/name" } for where it is to be taken from.'
        )
    return SecretStr(_taken(where, value, environment))


def _taken(where: str, value: Any, environment: Mapping[str, str]) -> str:
    (source, name), *_ = value.items()
    if source == "env":
        if not environment.get(str(name)):
            raise ConfigError(f"{where} is to come from the environment, and {name} is not set.")
        return environment[str(name)].strip()
    try:
        with Path(str(name)).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ConfigError(f"{where} is to come from {name}, which is too large for one value.")
        return content.decode("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{where} is to come from {name}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{where} is to come from {name}, which is no text.") from None
