"""Makes the automations of a Prefect server what a team's settings say; see `reactions.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import Automation, AutomationCore
from prefect.exceptions import ObjectNotFound

from editcorpus.errors import ConfigError
from flows.reactions import PREFIX, Settings, automations

__all__ = ["Change", "Settings", "apply"]
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Change:
    """What was done, or would be done, about one automation."""

    name: str
    what: Literal["created", "changed", "kept", "deleted"]


def apply(settings: Settings, client: SyncPrefectClient, *, check: bool = False) -> list[Change]:
    """Make the server's automations what the settings say; doing it twice changes nothing.

    One that a person has switched off stays off.

    Args:
        settings: When the server acts, and whom it tells.
        client: Of the server.
        check: Whether nothing is to be changed.

    Raises:
        ConfigError: There is no such block to tell people through.
        HTTPStatusError: The server refuses.
    """
    wanted = {made.name: made for made in automations(settings, _block(settings, client))}
    known = {one.name: one for one in _known(client)}
    done: list[Change] = []
    for name, made in wanted.items():
        old = known.pop(name, None)
        change = Change(name, _difference(old, made))
        if not check:
            _carry_out(client, old, made, change)
        done.append(change)
    for name, old in known.items():
        if not check:
            client.delete_automation(old.id)
        done.append(Change(name, "deleted"))
    return done


def _difference(
    old: Automation | None, made: AutomationCore
) -> Literal["created", "changed", "kept"]:
    if old is None:
        return "created"
    names = {*AutomationCore.model_fields} - {"enabled"}
    same = all(getattr(old, name) == getattr(made, name) for name in names)
    return "kept" if same else "changed"


def _carry_out(
    client: SyncPrefectClient, old: Automation | None, made: AutomationCore, change: Change
) -> None:
    if old is None:
        client.create_automation(made)
    elif change.what == "changed":
        # Of a model, the client sends only what was set, which leaves out the types of trigger and actions.
        members = made.model_dump(mode="json", exclude={"owner_resource"})
        whole = AutomationCore.model_validate({**members, "enabled": old.enabled})
        client.update_automation(old.id, whole)


def _known(client: SyncPrefectClient) -> Iterator[Automation]:
    offset = 0
    while found := client.read_automations(limit=_PAGE, offset=offset):
        yield from (one for one in found if one.name.startswith(PREFIX))
        offset += len(found)


def _block(settings: Settings, client: SyncPrefectClient) -> UUID | None:
    if not settings.notify:
        return None
    slug, name = settings.notify.split("/")
    try:
        return client.read_block_document_by_name(name, slug).id
    except ObjectNotFound:
        raise ConfigError(
            f"automations.notify names the block {settings.notify!r}, and none is saved under that name."
        ) from None
