"""The command line: `editcorpus build | estimate | audit | gallery | sandbox | demo`.

Exit codes: 0 done; 1 could not start, usage errors included; 2 done, but some triplets *failed* (the
same command redoes them), or an audit found something; 3 stopped (budget, key, quota, dead model,
interrupt): what is finished is kept, and the same command goes on.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from editcorpus.errors import ConfigError, EditcorpusError, RunStopped

DONE, COULD_NOT_START, SOME_FAILED, STOPPED = 0, 1, 2, 3
_COMMANDS = {
    "build": "make a corpus out of a source",
    "estimate": "say what a build would cost, before anything is paid",
    "audit": "open a finished corpus and prove it",
    "gallery": "make the page on which a person looks at triplets",
    "sandbox": "serve the model APIs without key, GPU or cost, for a rehearsal",
    "demo": "build a small corpus against the sandbox",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(COULD_NOT_START, f"editcorpus: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        parsed = _parser(words).parse_args(words)
        code: int = parsed.module.run(parsed)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else COULD_NOT_START
    except KeyboardInterrupt:
        return _told("Interrupted; what is finished is kept. Run the same again to go on.", STOPPED)
    except RunStopped as error:
        return _told(str(error), STOPPED)
    except (ConfigError, EditcorpusError) as error:
        return _told(str(error), COULD_NOT_START)
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of all commands; only those that are named are imported."""
    parser = _Parser(prog="editcorpus", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, summary in _COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary.capitalize() + ".")
        if name in words:
            module = import_module(f"flows.commands.{name}")
            command.set_defaults(module=module)
            module.add_arguments(command)
    return parser


def _told(sentence: str, code: int) -> int:
    sys.stderr.write(f"editcorpus: {sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
