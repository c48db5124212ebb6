"""`python -m editcorpus.sandbox`: the server in the foreground."""

import argparse
import json
import sys
from typing import Any

from editcorpus.errors import ConfigError
from editcorpus.sandbox.config import config_of
from editcorpus.sandbox.server import serve

_NAMES = (
    "host", "port", "seed", "time_scale", "canned", "latency_s", "faults", "strikes", "defects",
    "quota_after_usd",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; 1 where the settings or the address are wrong."""
    given = _parser().parse_args(arguments)
    try:
        serve(config_of(_members(given)), until_stdin_closes=given.config == "-")
    except (ConfigError, ValueError, OSError) as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return 1
    return 0


def _members(given: argparse.Namespace) -> dict[str, Any]:
    members: dict[str, Any] = {}
    if given.config:
        members = json.loads(sys.stdin.readline() if given.config == "-" else given.config)
    for name in _NAMES:
        if getattr(given, name) is not None:
            members[name] = getattr(given, name)
    if given.journal is not None:
        members["journal_path"] = given.journal
    if given.concurrent is not None:
        members["limits"] = {**members.get("limits", {}), "concurrent": given.concurrent}
    return members


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m editcorpus.sandbox", description=__doc__)
    parser.add_argument("--config", help="all settings as one JSON object; - reads a line of it")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int, help="0 takes a free port")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--time-scale", type=float, help="factor on every delay")
    parser.add_argument("--latency-s", type=float, help="fixed delay in seconds")
    parser.add_argument("--faults", metavar="NAME=RATE,...", help="share of calls per fault")
    parser.add_argument("--strikes", metavar="NAME=N[-M],...", help="faults by number of the call")
    parser.add_argument("--concurrent", type=int, help="calls at once; more are refused with 429")
    parser.add_argument("--quota-after-usd", metavar="USD", help="after which calls are refused")
    parser.add_argument("--defects", metavar="NAME=RATE,...", help="share of edits per defect")
    parser.add_argument("--canned", action="store_true", default=None)
    parser.add_argument("--journal", metavar="PATH", help="JSON lines file of all calls")
    return parser


if __name__ == "__main__":
    sys.exit(main())
