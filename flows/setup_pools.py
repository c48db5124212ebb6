"""The work pools and queues of a set-up: what is missing is made, what is there belongs to its people."""

from collections.abc import Iterator, Mapping

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.utilities.asyncutils import run_coro_as_sync
from prefect.workers.utilities import get_default_base_job_template_for_infrastructure_type

from flows.setup_changes import Change
from flows.setup_file import Pool, Queue


def put_pools(
    pools: Mapping[str, Pool],
    suggested: Mapping[str, Pool],
    client: SyncPrefectClient,
    *,
    check: bool,
) -> Iterator[Change]:
    """Make the work pools that are missing, and their queues.

    A pool that is there keeps its type and template, and a queue its limits, unless others are asked for.

    Args:
        pools: By name, as they are asked for.
        suggested: By name, as they are made where nothing else is asked for.
        client: Of the server.
        check: Whether nothing is to be changed.
    """
    for name in dict.fromkeys([*suggested, *pools]):
        asked, usual = pools.get(name), suggested.get(name, Pool())
        there = _is_there(name, client)
        if not (there or check):
            _create(name, asked or usual, usual, client)
        yield Change("work pool", name, "kept" if there else "created")
        queues = asked.queues if asked else {}
        for queue in dict.fromkeys([*usual.queues, *queues]):
            full = f"{name}/{queue}"
            if check and not there:
                yield Change("work queue", full, "created")
                continue
            limits = queues.get(queue, Queue()).model_dump(exclude_none=True)
            first = {**usual.queues.get(queue, Queue()).model_dump(exclude_none=True), **limits}
            yield _put_queue((name, queue), limits, first, client, check=check)


def _create(name: str, asked: Pool, usual: Pool, client: SyncPrefectClient) -> None:
    kind = asked.type
    template = asked.base_job_template or (usual.base_job_template if usual.type == kind else {})
    if not template:
        known = get_default_base_job_template_for_infrastructure_type(kind)
        template = run_coro_as_sync(known) or {}
    client.create_work_pool(WorkPoolCreate(name=name, type=kind, base_job_template=template))


def _is_there(name: str, client: SyncPrefectClient) -> bool:
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        return False
    return True


def _put_queue(
    of: tuple[str, str],
    limits: Mapping[str, int],
    first: Mapping[str, int],
    client: SyncPrefectClient,
    *,
    check: bool,
) -> Change:
    """Make a queue with its first limits, or have one that is there keep those that are asked for."""
    pool, name = of
    full = f"{pool}/{name}"
    try:
        found = client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        if not check:
            client.create_work_queue(
                name,
                work_pool_name=pool,
                priority=first.get("priority"),
                concurrency_limit=first.get("concurrency_limit"),
            )
        return Change("work queue", full, "created")
    changed = sorted(one for one, value in limits.items() if getattr(found, one) != value)
    if changed and not check:
        client.update_work_queue(found.id, **limits)
    return Change("work queue", full, "changed" if changed else "kept", ", ".join(changed))
