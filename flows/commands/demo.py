"""`editcorpus demo`: build small corpora against the sandbox and unite them, without key, GPU or cost.

In one of them everything that can be wrong with a triplet is planted; at the end a table says what of it
was found, and by whom.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from editcorpus.demo.complex_edit import write_complex_edit
from editcorpus.demo.folder import write_folder
from editcorpus.demo.gpt_image_edit import write_gpt_image_edit
from editcorpus.demo.hqedit import write_hqedit
from editcorpus.demo.planted import LIST, PICTURES, REQUESTS, write_planted
from editcorpus.demo.rows import write_demo_input
from editcorpus.demo.scaleedit import write_scaleedit
from editcorpus.demo.seed_data_edit import write_seed_data_edit
from editcorpus.demo.ultraedit import write_ultraedit
from editcorpus.errors import ConfigError
from editcorpus.layouts.manifest import REJECTS
from editcorpus.layouts.parquet import read_outcomes
from editcorpus.lookups.planted import Kind, asked_ids, fates, read_plantings, table
from editcorpus.lookups.planted_section import planted_section, write_section
from editcorpus.records import Rejected
from editcorpus.runs import corpus_folder
from editcorpus.sandbox import Defect, SandboxConfig, running
from editcorpus.sandbox.journal import drawn
from flows.building import recipe_of, start
from flows.commands import build, corpus, hashes
from flows.connections import from_environment, open_store
from flows.starting import checked, direct_job

RUN = "demo"
UNITED = "demo-all"
"""Name of the corpus that unites all of them."""
PLANTED = "demo-planted"
"""Name of the run in which everything is planted."""
RATE = 0.06
"""Share of its answers that have each of the defects of `PLANTED_DEFECTS`."""
PLANTED_DEFECTS = tuple(Defect(one) for one in Defect if one is not Defect.LEAK)


@dataclass(frozen=True, slots=True)
class Part:
    """One source of the demo.

    Attributes:
        write: Writes its input into a folder.
        words: What the command line says of it beyond input, store and run.
    """

    write: Callable[[Path], Path]
    words: tuple[str, ...]


PARTS: Mapping[str, Part] = {
    RUN: Part(write_demo_input, ("omniedit", "--shard-size", "12")),
    "demo-hqedit": Part(write_hqedit, ("hqedit",)),
    "demo-hqedit-pair": Part(write_hqedit, ("hqedit", "--recipe", "generate")),
    "demo-ultraedit": Part(write_ultraedit, ("ultraedit", "--recipe", "region")),
    "demo-seed": Part(write_seed_data_edit, ("seed-data-edit", "--recipe", "multi-turn")),
    "demo-scaleedit": Part(write_scaleedit, ("scaleedit",)),
    "demo-complex": Part(write_complex_edit, ("complex-edit",)),
    "demo-gpt-image-edit": Part(write_gpt_image_edit, ("gpt-image-edit",)),
    "demo-folder": Part(write_folder, ("folder",)),
    PLANTED: Part(write_planted, ("omniedit", "--shard-size", "27", "--set", "rewrite.share=0")),
}
"""What is built, by the run's name: an example of each source, and of each way to make a pair."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--folder", default="demo", help="where everything is put (demo)")
    parser.add_argument(
        "--only",
        choices=PARTS,
        metavar="RUN",
        help=f"build one part alone, and unite nothing: {', '.join(PARTS)}",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")
    parser.add_argument("--verbose", action="store_true", help="show the log")


def run(arguments: argparse.Namespace) -> int:
    """Write the inputs, start the sandbox, build, and unite; the first code that is not 0 ends it."""
    folder = Path(arguments.folder).absolute()
    chosen = [arguments.only] if arguments.only else list(PARTS)
    for name in chosen:
        _write_input(name, folder)
    plain = [name for name in chosen if name != PLANTED]
    for names, config in ((plain, _faulty), ([PLANTED], _planting)):
        wanted = [name for name in names if name in chosen]
        if code := _build_all(wanted, folder, config, arguments):
            return code
    if not arguments.only and (code := _unite(folder, arguments)):
        return code
    if PLANTED in chosen:
        _tell_planted(folder, arguments)
    return 0


def _faulty(folder: Path) -> SandboxConfig:
    """A server with some faults and defects."""
    return SandboxConfig(
        time_scale=0.01,
        faults={"rate_limit": 0.04, "server_error": 0.03, "moderation_input": 0.02},
        defects={"echo": 0.04, "shift": 0.04, "everything": 0.04},
        journal_path=folder / "sandbox.jsonl",
    )


def _planting(folder: Path) -> SandboxConfig:
    """A server that plants every defect, and has no faults."""
    beside = _input(PLANTED, folder)
    return SandboxConfig(
        time_scale=0.01,
        defects=dict.fromkeys(PLANTED_DEFECTS, RATE),
        requests=beside / REQUESTS,
        benchmark=beside / PICTURES,
        journal_path=_planted_journal(folder),
    )


def _planted_journal(folder: Path) -> Path:
    return folder / "sandbox-planted.jsonl"


def _build_all(
    names: Sequence[str],
    folder: Path,
    config: Callable[[Path], SandboxConfig],
    arguments: argparse.Namespace,
) -> int:
    """Build parts against one server; the first code that is not 0 ends it."""
    if not names:
        return 0
    with running(config(folder)) as server:
        environment = {
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "sandbox",
            "QWEN_VL_BASE_URL": server.vllm_url,
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        for name in names:
            if code := _build(name, folder, environment, arguments):
                return code
    return 0


def _input(name: str, folder: Path) -> Path:
    return folder / ("input" if name == RUN else f"input-{name.removeprefix('demo-')}")


def _write_input(name: str, folder: Path) -> None:
    """Write a part's input, unless it is there; half of one is never taken for it."""
    place = _input(name, folder)
    if place.is_dir():
        return
    begun = place.with_name(f"{place.name}.begun")
    try:
        PARTS[name].write(begun)
        begun.rename(place)
    except OSError as error:
        raise ConfigError(f"The demo cannot write to {place}: {error.strerror}.") from error


def _build(
    name: str, folder: Path, environment: Mapping[str, str], arguments: argparse.Namespace
) -> int:
    began = time.monotonic()
    words = _build_words(name, folder, arguments)
    sys.stderr.write(f"\neditcorpus {' '.join(words)}\n")
    parser = argparse.ArgumentParser()
    build.add_arguments(parser)
    parsed = parser.parse_args(words[1:])
    recipe = recipe_of(parsed)
    connections = from_environment(environment, str(folder / "store"), {"in_flight": 32})
    with checked(direct_job(parsed.source, recipe, connections)):
        return start(parsed, recipe, connections, began)


def _build_words(name: str, folder: Path, arguments: argparse.Namespace) -> list[str]:
    words = ["build", *PARTS[name].words, "--input", str(_input(name, folder))]
    words += ["--store", str(folder / "store"), "--run", name, "--retry-delay-s", "1"]
    return words + [flag for flag in ("--json", "--verbose") if getattr(arguments, flag[2:])]


def _unite(folder: Path, arguments: argparse.Namespace) -> int:
    benchmark, pictures = folder / "benchmark.parquet", _input(PLANTED, folder) / PICTURES
    words = ["--from", str(pictures), "--name", "stand-in", "--to", str(benchmark), "--thumbnails"]
    if not benchmark.exists() and (code := _command(hashes, words, arguments)):
        return code
    words = ["--store", str(folder / "store"), "--name", UNITED, "--against", str(benchmark)]
    words += ["--validation-share", "0.1", "--test-share", "0.1", "--runs", *PARTS]
    return _command(corpus, words, arguments)


def _command(module: ModuleType, words: Sequence[str], arguments: argparse.Namespace) -> int:
    """Run another command of this program."""
    told = [*words, *(["--json"] if arguments.json else [])]
    name = module.__name__.rpartition(".")[2]
    sys.stderr.write(f"\neditcorpus {name} {' '.join(told)}\n")
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    code: int = module.run(parser.parse_args(told))
    return code


def _tell_planted(folder: Path, arguments: argparse.Namespace) -> None:
    """Print what was planted against what was found, and put it into the card of the united corpus."""
    store = open_store(os.environ, str(folder / "store"))
    told = drawn(_planted_journal(folder))
    left_out = {}
    if not arguments.only:
        path = f"{corpus_folder(UNITED)}/{REJECTS}"
        left_out = {one.id: one.reason.value for one in read_outcomes(store, path, Rejected)}
    plantings = read_plantings(_input(PLANTED, folder) / LIST)
    kinds = table(fates(store, PLANTED, told), plantings, left_out)
    entered, unasked = asked_ids(store, PLANTED)
    Console(stderr=True, highlight=False).print(_planted_table(kinds, entered, unasked))
    if not arguments.only:
        section = planted_section(PLANTED, kinds, entered, unasked)
        write_section(store, corpus_folder(UNITED), section)
    if arguments.json:
        listed = [kind.as_json() for kind in kinds]
        members = {"run": PLANTED, "entered": entered, "unasked": unasked, "planted": listed}
        sys.stdout.write(json.dumps(members) + "\n")


def _planted_table(kinds: Sequence[Kind], entered: int, unasked: int) -> Table:
    title = f"Planted against found: {entered} entered, of {unasked} no answer was asked for"
    made = Table(title=title, title_justify="left")
    for name in ("", "planted", "gone", "found", "missed"):
        made.add_column(name, justify="right" if name else "left", no_wrap=True)
    made.add_column("by")
    for kind in kinds:
        by = ", ".join(f"{number} {reason}" for reason, number in sorted(kind.found.items()))
        counts = (kind.planted, kind.gone, kind.found.total(), len(kind.missed))
        made.add_row(kind.name, *map(str, counts), by)
    return made
