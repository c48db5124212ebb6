"""`editcorpus setup-prefect`: blocks, work pools, deployments and automations of a Prefect server.

Secrets come from the environment or from files that the file of the set-up names, or are typed where
nobody sees them: none is ever an argument.
"""

import argparse
import json
import os
import sys
from collections.abc import Collection
from getpass import getpass
from pathlib import Path
from typing import Any

import flows
from flows.own_server import quiet_prefect
from flows.setup_changes import Change, table
from flows.setup_file import Wanted, read_wanted
from flows.setup_prompts import Terminal, asked, of_sandbox
from flows.starting import check_prefect, interruptible

FILE = Path("deployments") / "prefect.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "--from",
        dest="file",
        type=Path,
        metavar="FILE",
        help="TOML file with blocks, pools and automations, as deployments/setup.example.toml; without it "
        "a terminal is asked for the blocks that are missing",
    )
    parser.add_argument(
        "--deployments",
        type=Path,
        metavar="FILE",
        help="deployments to make (deployments/prefect.yaml of this project)",
    )
    parser.add_argument(
        "--sandbox",
        default="",
        metavar="URL",
        help="make the endpoints those of a sandbox, such as http://127.0.0.1:8100, for a trial",
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing; say what would be done"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")


def run(arguments: argparse.Namespace) -> int:
    """Set the server up, tell what was done, and have each block check itself."""
    with interruptible():
        wanted = read_wanted(arguments.file, os.environ) if arguments.file else Wanted()
        check_prefect(os.environ)
        quiet_prefect(os.environ, verbose=False)
        changes, checks = _done(wanted, arguments)
    sys.stdout.write(table(changes, checks, only_check=arguments.check))
    if arguments.json:
        members: dict[str, Any] = {"changes": [one.as_json() for one in changes], "checks": checks}
        sys.stdout.write(json.dumps(members) + "\n")
    undone = arguments.check and any(one.what != "kept" for one in changes)
    return 2 if undone or any(checks.values()) else 0


def _with_more(
    wanted: Wanted, arguments: argparse.Namespace, saved: Collection[tuple[str, str]]
) -> Wanted:
    """With the blocks of a trial, or those that a person at the terminal tells of."""
    blocks = dict(wanted.blocks)
    if arguments.sandbox:
        trial = of_sandbox(arguments.sandbox, str(Path("store").absolute()))
        blocks |= {
            of: trial[of] for of in trial if of[0] == "endpoint" or of not in {*saved, *blocks}
        }
    elif not blocks and not arguments.check and sys.stdin.isatty():
        blocks = {**asked(Terminal(input, getpass), saved)}
    return Wanted(blocks, wanted.pools, wanted.automations)


def _done(wanted: Wanted, arguments: argparse.Namespace) -> tuple[list[Change], dict[str, str]]:
    """All that was done, and what the blocks' checks found."""
    from flows.setup_deployments import read_deployments
    from flows.setup_prefect import USUAL, checks_of, saved_usual, server, set_up

    deployments = read_deployments(arguments.deployments or _deployments(), os.environ)
    changes: list[Change] = []
    with server() as client:
        wanted = _with_more(wanted, arguments, saved_usual(client))
        try:
            for change in set_up(wanted, deployments, client, check=arguments.check):
                changes.append(change)  # noqa: PERF402 - what is done is told, also where it ends early
        except BaseException:
            if changes:
                sys.stdout.write(table(changes, {}, only_check=arguments.check))
            raise
        there = [*wanted.blocks] or list(USUAL)
        missing = {one.name for one in changes if arguments.check and one.what == "created"}
        checks = checks_of(there)
    return changes, {name: told for name, told in checks.items() if name not in missing}


def _deployments() -> Path:
    """The file of this project: in this folder, or beside the package."""
    return FILE if FILE.exists() else Path(flows.__file__).parents[1] / FILE
