"""The deployments of a set-up, as a file of `prefect deploy` names them.

They come out as `prefect deploy --all` makes them, with two differences: what is so already is left alone,
and schedules of a deployment that is there belong to the people who have set them, where
`prefect deploy` would switch them off again and delete those that are not in the file.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.utilities.templating import apply_values
from pydantic import ValidationError

from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError, first_line
from flows.setup_changes import Change
from flows.setup_file import Pool, Queue

_MEMBERS = {
    *("name", "entrypoint", "tags", "work_pool", "parameters", "schedules"),
    *("concurrency_limit", "description", "enforce_parameter_schema"),
}
"""Members of a deployment that are understood here."""
_VARIABLE = re.compile(r"\{\{\s*\$(\w+)\s*\}\}")
_COMPARED = (
    *("entrypoint", "tags", "parameters", "description", "work_pool_name", "work_queue_name"),
    *("job_variables", "pull_steps", "enforce_parameter_schema", "parameter_openapi_schema"),
)
"""Members that a deployment on the server must have in common with the file."""


@dataclass(frozen=True, slots=True)
class Deployments:
    """A file of deployments.

    Attributes:
        all: The deployments as they stand in it.
        pools: The work pools that they name, with the queues in which their runs wait.
    """

    all: Sequence[Mapping[str, Any]]
    pools: Mapping[str, Pool]


def read_deployments(path: Path, environment: Mapping[str, str]) -> Deployments:
    """Read a file of deployments.

    Args:
        path: A YAML file, as `prefect deploy` takes it.
        environment: Such as `os.environ`, which Prefect puts in place of `{{ $NAME }}`.

    Raises:
        ConfigError: It or its job template cannot be read, it names a variable that is not set,
            or asks for what only `prefect deploy` does.
    """
    try:
        text = path.read_text("utf-8")
        content = yaml.safe_load(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no YAML file: {str(error).splitlines()[0]}.") from None
    for name in _VARIABLE.findall(text):
        if not environment.get(name):
            raise ConfigError(f"{path} takes {name} from the environment, and it is not set.")
    if not isinstance(content, dict) or not isinstance(content.get("deployments"), list):
        raise ConfigError(f"{path} is no file of deployments: it has no list `deployments`.")
    if content.get("pull") != [] or content.get("build") or content.get("push"):
        raise ConfigError(
            f"{path} has steps other than `pull: []`: deploy it with `prefect deploy`."
        )
    found = apply_values(content["deployments"], {}, warn_on_notset=True)
    for one in found:
        _check(path, one)
    kind = path.stem if path.stem in {"docker", "kubernetes"} else "process"
    definitions = content.get("definitions") or {}
    usual = Pool(type=kind, base_job_template=_template(path, definitions))
    return Deployments(found, _pools(found, definitions, usual))


def put_deployments(
    deployments: Sequence[Mapping[str, Any]], client: SyncPrefectClient, *, check: bool
) -> Iterator[Change]:
    """Make the deployments that are missing, and mend those that are otherwise.

    Args:
        deployments: As they stand in a file.
        client: Of the server.
        check: Whether nothing is to be changed.

    Raises:
        ConfigError: A flow cannot be loaded, or a schedule is none.
    """
    for one in deployments:
        flow = _flow(one)
        name = f"{flow.name}/{one['name']}"
        wanted = _wanted(one, flow)
        found = _found(name, client)
        why = [] if found is None else _differences(found, wanted, one)
        if not check and (found is None or why):
            _create(one, wanted, flow.name, found, client)
        what = "created" if found is None else "changed" if why else "kept"
        yield Change("deployment", name, what, ", ".join(why))  # type: ignore[arg-type]


def _check(path: Path, one: Mapping[str, Any]) -> None:
    name = one.get("name", "")
    for member in one.keys() - _MEMBERS:
        raise ConfigError(
            f"{path}: the deployment {name} has `{member}`, which only `prefect deploy` understands."
        )
    for member in ("name", "entrypoint", "work_pool"):
        if not one.get(member):
            raise ConfigError(f"{path}: the deployment {name} has no `{member}`.")


def _template(path: Path, definitions: Mapping[str, Any]) -> dict[str, Any]:
    """What jobs of its pools are made of, in a file that it names beside itself; empty for none."""
    if not (name := definitions.get("base_job_template")):
        return {}
    where = path.parent / name
    try:
        found: dict[str, Any] = json.loads(where.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"{where} is no JSON file: {first_line(error)}.") from None
    return found


def _pools(
    deployments: Sequence[Mapping[str, Any]], definitions: Mapping[str, Any], usual: Pool
) -> dict[str, Pool]:
    told = {
        str(one["name"]): Queue(
            concurrency_limit=one.get("concurrency_limit"), priority=one.get("priority")
        )
        for one in definitions.get("queues") or ()
    }
    queues: dict[str, dict[str, Queue]] = {}
    for one in deployments:
        of = queues.setdefault(one["work_pool"]["name"], {})
        if name := one["work_pool"].get("work_queue_name"):
            of[name] = told.get(name, Queue())
    return {
        name: usual.model_copy(
            update={"queues": {one: of[one] for one in [*(one for one in told if one in of), *of]}}
        )
        for name, of in queues.items()
    }


def _flow(one: Mapping[str, Any]) -> Flow[..., Any]:
    try:
        return load_flow_from_entrypoint(one["entrypoint"])
    except (ImportError, AttributeError, ValueError, PrefectException) as error:
        told = first_line(error)
        raise ConfigError(f"The flow {one['entrypoint']} cannot be loaded: {told}.") from None


def _wanted(one: Mapping[str, Any], flow: Flow[..., Any]) -> dict[str, Any]:
    pool = one["work_pool"]
    return {
        "entrypoint": one["entrypoint"],
        "tags": sorted(one.get("tags") or ()),
        "parameters": one.get("parameters") or {},
        "description": one.get("description") or flow.description,
        "work_pool_name": pool["name"],
        "work_queue_name": pool.get("work_queue_name", "default"),
        "job_variables": pool.get("job_variables") or {},
        "pull_steps": [],
        "enforce_parameter_schema": one.get("enforce_parameter_schema", True),
        "parameter_openapi_schema": flow.parameters.model_dump(),
    }


def _found(name: str, client: SyncPrefectClient) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(name)
    except ObjectNotFound:
        return None


def _differences(
    found: DeploymentResponse, wanted: Mapping[str, Any], one: Mapping[str, Any]
) -> list[str]:
    known = {name: getattr(found, name) for name in _COMPARED}
    known["tags"] = sorted(found.tags)
    known["pull_steps"] = found.pull_steps or []
    changed = [name for name in _COMPARED if known[name] != wanted[name]]
    limit = found.global_concurrency_limit
    strategy = found.concurrency_options and found.concurrency_options.collision_strategy.value
    limited = (limit.limit, strategy) if limit else (None, None)
    return [*changed, *(["concurrency_limit"] if limited != _limit(one) else [])]


def _limit(one: Mapping[str, Any]) -> tuple[int | None, str | None]:
    """Most runs at once, and what becomes of one more."""
    told = one.get("concurrency_limit")
    if isinstance(told, Mapping):
        return told.get("limit"), told.get("collision_strategy", "ENQUEUE")
    return (told, "ENQUEUE") if told else (None, None)


def _create(
    one: Mapping[str, Any],
    wanted: Mapping[str, Any],
    flow: str,
    found: DeploymentResponse | None,
    client: SyncPrefectClient,
) -> None:
    limit, strategy = _limit(one)
    options = (
        ConcurrencyOptions.model_validate({"collision_strategy": strategy}) if strategy else None
    )
    client.create_deployment(
        flow_id=client.create_flow_from_name(flow),
        name=one["name"],
        schedules=_kept(found) if found else _schedules(one),
        concurrency_limit=limit,
        concurrency_options=options,
        **wanted,
    )


def _kept(found: DeploymentResponse) -> list[DeploymentScheduleCreate]:
    members = ("schedule", "active", "parameters", "slug", "max_scheduled_runs")
    return [
        DeploymentScheduleCreate(**{name: getattr(one, name) for name in members})
        for one in found.schedules
    ]


def _schedules(one: Mapping[str, Any]) -> list[DeploymentScheduleCreate]:
    """The schedules of the file; those of others than cron are for `prefect deploy`."""
    made = []
    for told in one.get("schedules") or ():
        clock = {name: told[name] for name in ("cron", "timezone", "day_or") if name in told}
        rest = {name: told[name] for name in ("active", "parameters", "slug") if name in told}
        try:
            made.append(DeploymentScheduleCreate(schedule=CronSchedule(**clock), **rest))
        except ValidationError as error:
            raise ConfigError(f"A schedule of {one['name']}: {first_problem(error)}") from None
    return made
