#!/usr/bin/env python3
"""Says by its exit code whether what runs in this container does its work.

editcorpus-healthy worker | server | services
"""

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence

TIMEOUT_S = 5
SILENCE_MS = 120_000
"""A consumer asks the stream anew every second or so (prefect-redis); under load it may be late."""
GROUP = "reactive-triggers"
"""Of the service that fires automations: the one that dies unheard when its start meets a time-out."""


def answers(url: str) -> str:
    """What is wrong with what answers there; empty where nothing is."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S):  # noqa: S310 - of this container alone
            return ""
    except (urllib.error.URLError, OSError) as error:
        return f"{url}: {error}"


def worker() -> str:
    """Whether the worker still polls, by its own server (`prefect worker start --with-healthcheck`)."""
    return answers(
        f"http://127.0.0.1:{os.environ.get('PREFECT_WORKER_WEBSERVER_PORT', '8080')}/health"
    )


def server() -> str:
    """Whether the API reaches its database."""
    return answers(
        f"http://127.0.0.1:{os.environ.get('PREFECT_SERVER_API_PORT', '4200')}/api/ready"
    )


def services() -> str:
    """Whether somebody reads events for automations, by the consumers of the stream."""
    import redis

    try:
        client = redis.from_url(
            os.environ["PREFECT_REDIS_MESSAGING_URL"],
            socket_timeout=TIMEOUT_S,
            decode_responses=True,
        )
        consumers = client.xinfo_consumers("events", GROUP)
    except redis.RedisError as error:
        return f"events of {GROUP}: {error}"
    return silence([dict(consumer) for consumer in consumers])


def silence(consumers: Sequence[Mapping[str, object]]) -> str:
    """What is wrong with those who read for automations; Redis before 7.2 does not tell who still asks."""
    if not consumers:
        return f"Nobody has ever read events for {GROUP}."
    asked = [int(str(one["idle"])) for one in consumers if "inactive" in one]
    if not asked or min(asked) <= SILENCE_MS:
        return ""
    return f"Nobody has asked for events for {GROUP} for {min(asked) / 1000:.0f} s."


CHECKS: Mapping[str, Callable[[], str]] = {"worker": worker, "server": server, "services": services}


def main() -> int:
    """0 where it is well; else 1 and a sentence."""
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.stderr.write(f"usage: editcorpus-healthy {' | '.join(CHECKS)}\n")
        return 2
    wrong = CHECKS[sys.argv[1]]()
    if wrong:
        sys.stderr.write(wrong + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
