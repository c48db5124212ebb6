"""Set up a Prefect server: block types and blocks, pools and queues, deployments, automations.

Doing it twice changes nothing. What people have made or changed by hand stays, but for what is asked for.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectException
from prefect.settings import get_current_settings
from pydantic import ValidationError

from editcorpus.endpoints.endpoint import first_problem
from editcorpus.errors import ConfigError, first_line
from flows.automations import Change as AutomationChange
from flows.automations import Settings, apply
from flows.reactions import automations
from flows.setup_blocks import checked, is_saved, label, put_block, put_types
from flows.setup_changes import Change
from flows.setup_deployments import Deployments, put_deployments
from flows.setup_file import Wanted
from flows.setup_pools import put_pools
from flows.setup_prompts import NAMES

USUAL = (
    ("store", NAMES.store),
    *(("endpoint", one) for one in (NAMES.images, NAMES.writer, NAMES.judge)),
)
"""Kind and name of the blocks that recipes look for where they name none."""


@contextmanager
def server() -> Iterator[SyncPrefectClient]:
    """A client of the Prefect server that this process uses.

    Raises:
        ConfigError: None is named, or it refuses something.
    """
    if not get_current_settings().api.url:
        raise ConfigError(
            "PREFECT_API_URL is not set: it says which Prefect server is set up, such as "
            "http://127.0.0.1:4200/api."
        )
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPStatusError as error:
        raise ConfigError(_refusal(error)) from None
    except (httpx.HTTPError, PrefectException) as error:
        raise ConfigError(f"The Prefect server cannot be set up: {first_line(error)}.") from None


def saved_usual(client: SyncPrefectClient) -> set[tuple[str, str]]:
    """Kind and name of the usual blocks that are saved."""
    return {of for of in USUAL if is_saved(of, client)}


def set_up(
    wanted: Wanted, deployments: Deployments, client: SyncPrefectClient, *, check: bool
) -> Iterator[Change]:
    """Make a server what is asked for, and tell of each thing as it is done.

    Args:
        wanted: Blocks, pools and automations.
        deployments: The deployments, and the pools that they name.
        client: Of the server.
        check: Whether nothing is to be changed.

    Raises:
        ConfigError: Something cannot be as it is asked for; what was told of is done.
    """
    settings = _settings(wanted.automations or {})
    yield from put_types(client, check=check)
    missing = set()
    for of, members in wanted.blocks.items():
        change = put_block(of, members, client, check=check)
        missing |= {change.name} if check and change.what == "created" else set()
        yield change
    yield from put_pools(wanted.pools, deployments.pools, client, check=check)
    yield from put_deployments(deployments.all, client, check=check)
    if wanted.automations is None and (there := _there(client)):
        yield from there
    else:
        done = apply(settings, client, check=check) if settings.notify not in missing else []
        for one in done or _foreseen(settings, client):
            yield Change("automation", one.name, one.what)


def _there(client: SyncPrefectClient) -> list[Change]:
    """Our automations that are on the server, where nothing is said of them: they stay as they are."""
    found = apply(Settings(), client, check=True)
    return [Change("automation", one.name, "kept") for one in found if one.what != "created"]


def _foreseen(settings: Settings, client: SyncPrefectClient) -> Iterator[AutomationChange]:
    """What would be done about automations where the block through which they tell is not there yet."""
    quiet = apply(settings.model_copy(update={"notify": ""}), client, check=True)
    known = {one.name: one for one in quiet}
    for made in automations(settings, UUID(int=0)):
        yield known.get(made.name, AutomationChange(made.name, "created"))


def checks_of(blocks: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What is wrong with each of some saved blocks, by type and name; empty where nothing is."""
    return {label(of): checked(of) for of in blocks if of[0] != "webhook"}


def _settings(members: Mapping[str, Any]) -> Settings:
    try:
        return Settings.model_validate(members)
    except ValidationError as error:
        raise ConfigError(f"automations.{first_problem(error)}") from None


def _refusal(error: httpx.HTTPStatusError) -> str:
    status = error.response.status_code
    if status == httpx.codes.UNAUTHORIZED:
        return "The Prefect server asks for a password: set PREFECT_API_AUTH_STRING."
    told = error.response.text[:200].splitlines()
    return f"The Prefect server answers {status} to {error.request.url.path}: {' '.join(told)}"
