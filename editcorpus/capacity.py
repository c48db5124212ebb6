"""What a build of some size takes: workers, calls in flight, days, storage, and the orchestrator's share.

Arithmetic alone, over the measured `figures`. What the triplets need of the model APIs and of the store
is a `Demand` (the command `plan-capacity` makes it out of the price list and the weights of pictures); who
does the work is a `Fleet`; what the API takes are `Ceilings`. Each limit lets so many triplets pass a
second; the lowest is the pace.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from types import MappingProxyType
from typing import NamedTuple

from editcorpus import figures
from editcorpus.errors import ConfigError

_DAY_S = 86_400
_MINUTE_S = 60
_TASKS = 1 + figures.STAGES
"""Task runs of a shard."""
_OWN = {"server's recorder", "bucket's puts", "bucket's gets"}
"""Limits that are there whatever is asked for."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What some triplets need, by what does not depend on who does the work.

    Attributes:
        triplets: How many there are; at least 1.
        usd: Dollars expected of all of them, online.
        usd_batch: Dollars expected of all of them, as lines of batches.
        usd_call: Dollars that are reserved for one edit while it is out: its worst case.
        edit_s: Usual seconds until an edit is answered.
        images: Pictures that an edit sends.
        tokens: Input tokens that an edit sends.
        pixels: Of a source picture.
        stored: Bytes kept by kind, over all of them.
    """

    triplets: int
    usd: Decimal
    usd_batch: Decimal
    usd_call: Decimal
    edit_s: float
    images: float = 1.0
    tokens: float = 0.0
    pixels: int = figures.CPU_PIXELS
    stored: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def stored_bytes(self) -> float:
        """All kinds together."""
        return sum(self.stored.values())

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU of one triplet, in proportion to its pixels."""
        return figures.CPU_S * self.pixels / figures.CPU_PIXELS


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What the image API takes; 0 is no limit.

    Attributes:
        requests_per_minute: Edits a minute.
        images_per_minute: Pictures sent a minute.
        tokens_per_minute: Input tokens a minute.
        in_flight: Edits that may be out at once, over all workers.
    """

    requests_per_minute: float = 0
    images_per_minute: float = 0
    tokens_per_minute: float = 0
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Fleet:
    """Who does the work.

    Attributes:
        workers: Processes that work on partitions at once; 0 is as many as the API's limits or the
            days ask for, and one where there are none.
        cores: Of each of them.
        shard_size: Triplets in a shard, at most.
        partition_shards: Shards in a partition, at most.
        days: In which it is to be done; 0 is as soon as the limits let it.
        budget_usd: Dollars that there are; None is no limit.
    """

    workers: int = 0
    cores: float = 2
    shard_size: int = 256
    partition_shards: int = 100
    days: float = 0
    budget_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What it takes.

    Attributes:
        workers: Processes that work on partitions at once.
        runs: Runs that they are shared out over, of `MOST_HANDS` at most each.
        bounds: Triplets a second that each limit lets pass, by the limit's name.
        binds: The limit that is met first.
        seconds: From the first call to the last answer.
        in_flight: Edits that are out at once, on average.
        cores: Busy in all workers, on average.
        shards: Of the triplets.
        partitions: Of the shards.
        task_runs: That Prefect records.
        server_cores: Busy in Prefect's server, on average.
        server_s: CPU of Prefect's server in all, in seconds.
        database_bytes: Of Prefect's database on PostgreSQL, before the clean-up takes anything.
        puts: Requests a second to the bucket that write.
        gets: Requests a second to the bucket that read.
        affordable: Triplets that the budget pays for; all of them where it suffices.
    """

    workers: int
    runs: int
    bounds: Mapping[str, float]
    binds: str
    seconds: float
    in_flight: float
    cores: float
    shards: int
    partitions: int
    task_runs: int
    server_cores: float
    server_s: float
    database_bytes: float
    puts: float
    gets: float
    affordable: int

    @property
    def rate(self) -> float:
        """Triplets a second."""
        return self.bounds[self.binds]

    @property
    def days(self) -> float:
        """The same as `seconds`."""
        return self.seconds / _DAY_S

    @property
    def allowed(self) -> int:
        """Calls in flight to allow the endpoint, so that `in_flight` really are."""
        return math.ceil(self.in_flight / figures.HELD)


def capacity(demand: Demand, ceilings: Ceilings, fleet: Fleet) -> Capacity:
    """What the triplets take of those who do the work.

    Raises:
        ConfigError: A figure cannot be, such as a latency of nothing.
    """
    _check(demand, ceilings, fleet)
    shards = math.ceil(demand.triplets / fleet.shard_size)
    partitions = math.ceil(shards / fleet.partition_shards)
    task_runs = shards * _TASKS
    traffic = _traffic(demand, fleet)
    outside = _outside(demand, ceilings, fleet)
    workers = min(fleet.workers or _needed(demand, fleet, outside), shards)
    bounds = outside | _inside(demand, fleet, workers)
    binds = min(bounds, key=lambda name: bounds[name])
    rate = bounds[binds]
    return Capacity(
        workers=workers,
        runs=math.ceil(workers / figures.MOST_HANDS),
        bounds=bounds,
        binds=binds,
        seconds=demand.triplets / rate + demand.edit_s,
        in_flight=rate * demand.edit_s,
        cores=rate * _cpu_s(demand, fleet),
        shards=shards,
        partitions=partitions,
        task_runs=task_runs,
        server_cores=rate * _TASKS / fleet.shard_size * figures.SERVER_TASK_S,
        server_s=task_runs * figures.SERVER_TASK_S,
        database_bytes=task_runs * figures.TASK_BYTES,
        puts=rate * traffic.puts,
        gets=rate * traffic.gets,
        affordable=_affordable(demand, fleet.budget_usd),
    )


class _Traffic(NamedTuple):
    """Requests of one triplet to the bucket."""

    puts: float
    gets: float


def _traffic(demand: Demand, fleet: Fleet) -> _Traffic:
    """With its share of a shard's, and with the parts in which large objects go up."""
    parts = demand.stored_bytes / demand.triplets / figures.PART_BYTES
    return _Traffic(
        figures.TRIPLET_PUTS + figures.SHARD_PUTS / fleet.shard_size + parts,
        figures.TRIPLET_GETS + figures.SHARD_GETS / fleet.shard_size,
    )


def _outside(demand: Demand, ceilings: Ceilings, fleet: Fleet) -> dict[str, float]:
    """Triplets a second that pass whatever does not depend on the number of workers."""
    traffic = _traffic(demand, fleet)
    found = {
        "requests a minute": ceilings.requests_per_minute / _MINUTE_S,
        "pictures a minute": ceilings.images_per_minute / _MINUTE_S / demand.images,
        "tokens a minute": ceilings.tokens_per_minute / _MINUTE_S / max(demand.tokens, 1),
        "calls in flight allowed": ceilings.in_flight * figures.HELD / demand.edit_s,
        "days given": demand.triplets / (fleet.days * _DAY_S) if fleet.days else 0,
    }
    limits = {name: rate for name, rate in found.items() if rate}
    return limits | {
        "server's recorder": fleet.shard_size / _TASKS / figures.SERVER_TASK_S,
        "bucket's puts": figures.BUCKET_PUTS / traffic.puts,
        "bucket's gets": figures.BUCKET_GETS / traffic.gets,
    }


def _inside(demand: Demand, fleet: Fleet, workers: int) -> dict[str, float]:
    """Triplets a second that so many workers do."""
    each = figures.WORKER_CALLS * figures.HELD / demand.edit_s
    return {
        "workers' calls in flight": workers * each,
        "workers' CPU": workers * fleet.cores / _cpu_s(demand, fleet),
    }


def _needed(demand: Demand, fleet: Fleet, outside: Mapping[str, float]) -> int:
    """Workers that do what limits let pass; one where only server and bucket are any."""
    if outside.keys() <= _OWN:
        return 1
    one = min(_inside(demand, fleet, 1).values())
    return max(1, math.ceil(round(min(outside.values()) / one, 6)))


def _cpu_s(demand: Demand, fleet: Fleet) -> float:
    """Seconds of CPU of a triplet, with its share of what Prefect's client takes for a shard."""
    return demand.cpu_s + _TASKS * figures.CLIENT_TASK_S / fleet.shard_size


def _affordable(demand: Demand, budget: Decimal | None) -> int:
    """Triplets that a budget pays for."""
    if budget is None or budget >= demand.usd:
        return demand.triplets
    return int((demand.triplets * budget / demand.usd).to_integral_value(ROUND_FLOOR))


def _check(demand: Demand, ceilings: Ceilings, fleet: Fleet) -> None:
    """Refuse figures that cannot be."""
    positive = {
        "triplets": demand.triplets,
        "latency": demand.edit_s,
        "cores": fleet.cores,
        "shard size": fleet.shard_size,
        "shards of a partition": fleet.partition_shards,
        "pictures of an edit": demand.images,
    }
    others = {
        "requests a minute": ceilings.requests_per_minute,
        "pictures a minute": ceilings.images_per_minute,
        "tokens a minute": ceilings.tokens_per_minute,
        "calls in flight": ceilings.in_flight,
        "workers": fleet.workers,
        "days": fleet.days,
    }
    for name, value in (positive | others).items():
        least = "more than 0" if name in positive else "0 or more"
        if not math.isfinite(value) or value < 0 or (name in positive and not value):
            raise ConfigError(f"The figure for {name} is to be {least}, not {value:g}.")
