"""The command line: `editcorpus build | estimate | audit | export | show | ledger | ...`.

Exit codes: 0 done; 1 could not start, usage errors included; 2 done, but some triplets *failed* (the
same command redoes them), or an audit found something; 3 stopped (budget, key, quota, dead model,
interrupt): what is finished is kept, and the same command goes on.

With `--json` the last line of standard output is one object, however a command ends; where it ended
before there was anything to tell, all counts in it are zero and `error` says why.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from editcorpus.errors import ConfigError, EditcorpusError, RunStopped
from editcorpus.texts import visible

DONE, COULD_NOT_START, SOME_FAILED, STOPPED = 0, 1, 2, 3
_COMMANDS = {
    "build": "make a corpus out of a source",
    "estimate": "say what a build would cost, before anything is paid",
    "plan-capacity": "say what a build of some size takes: workers, limits, dollars, days",
    "audit": "open a finished corpus and prove it",
    "lint": "look at a published corpus, without a key or a paid call, and say what is wrong with it",
    "corpus": "unite finished runs into one corpus",
    "hashes": "write a benchmark's pictures as hashes, to hold corpora against",
    "export": "write a finished corpus in another layout",
    "push": "send a finished corpus to a dataset repository on the Hub",
    "gallery": "make the page on which a person looks at triplets",
    "show": "tell every request, verdict, dollar and picture of one triplet",
    "ledger": "say where the dollars of a store went",
    "failures": "group who is not in a corpus by reason, and say what to do",
    "redrive": "do again whom a run gave up, and only those",
    "refilter": "make a run's corpus anew with other thresholds, for nothing",
    "gc": "say what a store can do without, and remove it",
    "setup-prefect": "make blocks, work pools, deployments and automations on a Prefect server",
    "sandbox": "serve the model APIs without key, GPU or cost, for a rehearsal",
    "demo": "build a small corpus against the sandbox",
}


_NOTHING_BUILT: dict[str, Any] = {
    "run": "",
    "entered": 0,
    "kept": 0,
    "rejected": {},
    "failed": {},
    "calls": {"paid": 0, "cached": 0, "possibly_billed": 0},
    "cost_usd": "0",
    "corpus": "",
    "seconds": 0.0,
}
_NOTHING: dict[str, dict[str, Any]] = {
    "build": _NOTHING_BUILT,
    "demo": {**_NOTHING_BUILT, "run": "demo"},
    "redrive": _NOTHING_BUILT,
    "estimate": {"rows": 0, "sample": 0, "presets": {}},
    "plan-capacity": {"triplets": 0},
    "show": {"id": "", "runs": []},
    "refilter": {
        "run": "",
        "name": "",
        "thresholds": {},
        "kept": 0,
        "lost": {},
        "won": {},
        "unjudged": {},
        "unjudged_usd": "0",
        "families": {},
        "written": False,
        "corpus": "",
        "seconds": 0.0,
    },
    "ledger": {"runs": []},
    "failures": {"run": "", "undecided": 0, "groups": []},
    "lint": {"corpus": {"rows": 0, "triplets": 0}, "findings": []},
    "corpus": {
        "name": "",
        "version": "",
        "runs": [],
        "added": [],
        "entered": 0,
        "kept": 0,
        "rejected": {},
        "splits": {},
        "bytes": 0,
        "path": "",
        "seconds": 0.0,
    },
    "hashes": {
        "name": "",
        "items": 0,
        "pictures": 0,
        "hashes": 0,
        "left_out": 0,
        "path": "",
        "seconds": 0.0,
    },
    "setup-prefect": {"changes": [], "checks": {}},
    "export": {"layout": "", "records": 0, "files": 0, "bytes": 0, "path": "", "seconds": 0.0},
    "push": {
        "repo": "",
        "revision": "",
        "commit": "",
        "url": "",
        "sent": {"files": 0, "bytes": 0},
        "there": {"files": 0, "bytes": 0},
        "removed": 0,
        "dry_run": False,
        "seconds": 0.0,
    },
}
"""What `--json` prints of a command that told nothing, by the command."""


class _Usage(Exception):
    """The words are no command."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _Usage(f"{message}; `{self.prog} --help` lists what there is.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code; the shell's own where no arguments are given."""
    if arguments is not None:
        return _carried_out(arguments)
    code = _carried_out(sys.argv[1:])
    if "prefect" in sys.modules:
        import_module("flows.server").leave(code)
    return code


def _carried_out(words: Sequence[str]) -> int:
    parsed = argparse.Namespace()
    try:
        parsed = _parser(words).parse_args(words)
        _check_settings(getattr(parsed, "set", []))
        code: int = parsed.module.run(parsed)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else COULD_NOT_START
    except KeyboardInterrupt:
        told = "Interrupted; what is finished is kept. Run the same again to go on."
        return _told(words, parsed, (told, STOPPED))
    except RunStopped as error:
        return _told(words, parsed, (str(error), STOPPED))
    except (_Usage, EditcorpusError) as error:
        return _told(words, parsed, (str(error), COULD_NOT_START))
    return code


def _check_settings(settings: Sequence[str]) -> None:
    """Refuse what the command line decides by itself."""
    for setting in settings:
        name = setting.partition("=")[0]
        if name.split(".")[0] == "endpoints":
            raise ConfigError(
                f"{name} cannot be set here: the command line makes its blocks from the environment; "
                "name a saved one with --images-block, --writer-block, --judge-block, "
                "--embedder-block or --store-block."
            )


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands; only those that are named are imported."""
    parser = _Parser(prog="editcorpus", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, summary in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        if name in words:
            module = import_module(f"flows.commands.{name.replace('-', '_')}")
            command.set_defaults(module=module)
            module.add_arguments(command)
    return parser


def _told(words: Sequence[str], parsed: argparse.Namespace, ended: tuple[str, int]) -> int:
    """Say why a command ended early, and give its exit code."""
    sentence, code = ended
    sys.stderr.write(f"editcorpus: {visible(sentence)}\n")
    nothing = _NOTHING.get(words[0]) if words else None
    if nothing is not None and "--json" in words:
        run = getattr(parsed, "run", "") or getattr(parsed, "source", "")
        named = {"run": run} if nothing.get("run") == "" else {}
        sys.stdout.write(json.dumps({**nothing, **named, "error": sentence}) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
