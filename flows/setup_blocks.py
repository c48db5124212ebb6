"""The types of block and the saved blocks of a set-up."""

from collections.abc import Iterator, Mapping
from typing import Any

from prefect.blocks.core import Block
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import BlockDocument
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr, ValidationError

from blocks.budget import Budget
from blocks.corpus_store import CorpusStore
from blocks.model_endpoint import ModelEndpoint
from editcorpus.endpoints.endpoint import first_problem
from editcorpus.endpoints.health import SANDBOX
from editcorpus.errors import ConfigError
from flows.setup_changes import Change, What
from flows.surroundings import saved_block

KINDS: Mapping[str, type[Block]] = {
    "store": CorpusStore,
    "endpoint": ModelEndpoint,
    "budget": Budget,
    "webhook": Webhook,
}
"""The class of the blocks of each kind that a file can ask for."""
OURS = (CorpusStore, ModelEndpoint, Budget)


def put_types(client: SyncPrefectClient, *, check: bool) -> Iterator[Change]:
    """Register our types of block, so that the UI has a form for each.

    Args:
        client: Of the server.
        check: Whether nothing is to be changed.
    """
    for kind in OURS:
        what = _registered(kind, client)
        if not check:
            kind.register_type_and_schema()
        yield Change("block type", kind.get_block_type_slug(), what)


def _registered(kind: type[Block], client: SyncPrefectClient) -> What:
    """What registering a type of block comes to."""
    try:
        client.read_block_type_by_slug(kind.get_block_type_slug())
    except ObjectNotFound:
        return "created"
    try:
        client.read_block_schema_by_checksum(kind._calculate_schema_checksum())
    except ObjectNotFound:
        return "changed"
    return "kept"


def put_block(
    of: tuple[str, str], members: Mapping[str, Any], client: SyncPrefectClient, *, check: bool
) -> Change:
    """Make a saved block have some members; all others, secrets above all, stay as they are.

    Args:
        of: Kind and name.
        members: What it is to have.
        client: Of the server.
        check: Whether nothing is to be changed.

    Raises:
        ConfigError: It cannot have them, or the sandbox would take the place of a real endpoint.
    """
    kind, name = KINDS[of[0]], of[1]
    found = _found(kind, name, client)
    old = dict(found.data) if found else {}
    made = _made(
        of, {**_known(kind, old), **{one: _plain(value) for one, value in members.items()}}
    )
    _refuse_sandbox(of, old, made)
    why = _differences(found, kind, made, members)
    if not check and (found is None or why):
        made.save(name, overwrite=True)
    what: What = "created" if found is None else "changed" if why else "kept"
    return Change("block", label(of), what, ", ".join(why) if found else "")


def label(of: tuple[str, str]) -> str:
    """Type and name of a block, as Prefect writes them."""
    return f"{KINDS[of[0]].get_block_type_slug()}/{of[1]}"


def checked(of: tuple[str, str]) -> str:
    """What is wrong with a saved block, by its own check; empty where nothing is."""
    kind = KINDS[of[0]]
    if not issubclass(kind, OURS):
        return ""
    try:
        return saved_block(kind, of[1]).check()
    except ConfigError as error:
        return str(error)


def is_saved(of: tuple[str, str], client: SyncPrefectClient) -> bool:
    """Whether there is such a block."""
    return _found(KINDS[of[0]], of[1], client) is not None


def _found(kind: type[Block], name: str, client: SyncPrefectClient) -> BlockDocument | None:
    try:
        return client.read_block_document_by_name(name, kind.get_block_type_slug())
    except ObjectNotFound:
        return None


def _known(kind: type[Block], members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if name in kind.model_fields}


def _made(of: tuple[str, str], members: Mapping[str, Any]) -> Block:
    unknown = sorted(members.keys() - KINDS[of[0]].model_fields)
    if unknown:
        raise ConfigError(f"{of[0]}.{of[1]}.{unknown[0]} is no member of such a block.")
    try:
        return KINDS[of[0]](**members)
    except ValidationError as error:
        raise ConfigError(f"{of[0]}.{of[1]}.{first_problem(error)}") from None


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return {name: _plain(one) for name, one in value.items()} if isinstance(value, dict) else value


def _dumped(block: Block) -> dict[str, Any]:
    return block.model_dump(mode="json", context={"include_secrets": True})


def _differences(
    found: BlockDocument | None, kind: type[Block], made: Block, members: Mapping[str, Any]
) -> list[str]:
    """Names of members that change; `form` where it was saved under another version's form."""
    if found is None:
        return []
    try:
        old = _dumped(kind(**_known(kind, found.data)))
    except ValidationError:  # somebody saved what it cannot have
        old = {}
    new = _dumped(made)
    form = found.block_schema and found.block_schema.checksum != kind._calculate_schema_checksum()
    changed = [name for name in sorted(members) if old.get(name) != new.get(name)]
    return [*changed, *(["form"] if form else [])]


def _refuse_sandbox(of: tuple[str, str], old: Mapping[str, Any], made: Block) -> None:
    """Emulated answers in place of a real API's would go unnoticed, and the real key be lost."""
    before = old.get("provider", SANDBOX)
    if isinstance(made, ModelEndpoint) and made.provider == SANDBOX and before != SANDBOX:
        raise ConfigError(
            f"The block {label(of)} is the endpoint of {before!r}, and the sandbox does not take its place: "
            "delete it first, or try things out on another Prefect server."
        )
