"""`editcorpus demo`: build small corpora against the sandbox and unite them, without key, GPU or cost."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from editcorpus.demo.complex_edit import write_complex_edit
from editcorpus.demo.folder import write_folder
from editcorpus.demo.gpt_image_edit import write_gpt_image_edit
from editcorpus.demo.hqedit import write_hqedit
from editcorpus.demo.rows import write_demo_input
from editcorpus.demo.scaleedit import write_scaleedit
from editcorpus.demo.seed_data_edit import write_seed_data_edit
from editcorpus.demo.ultraedit import write_ultraedit
from editcorpus.errors import ConfigError
from editcorpus.sandbox import SandboxConfig, running
from editcorpus.stages.opening import check
from flows.commands import build, corpus
from flows.connections import from_environment
from flows.starting import direct_job

RUN = "demo"
UNITED = "demo-all"
"""Name of the corpus that unites all of them."""


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
    config = SandboxConfig(
        time_scale=0.01,
        faults={"rate_limit": 0.04, "server_error": 0.03, "moderation_input": 0.02},
        defects={"echo": 0.04, "shift": 0.04, "everything": 0.04},
        journal_path=folder / "sandbox.jsonl",
    )
    with running(config) as server:
        environment = {
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "sandbox",
            "QWEN_VL_BASE_URL": server.vllm_url,
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        for name in chosen:
            if code := _build(name, folder, environment, arguments):
                return code
    return 0 if arguments.only else _unite(folder, arguments)


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
    recipe = build.recipe_of(parsed)
    connections = from_environment(environment, str(folder / "store"), {"in_flight": 32})
    check(direct_job(parsed.source, recipe, connections))
    return build.start(parsed, recipe, connections, began)


def _build_words(name: str, folder: Path, arguments: argparse.Namespace) -> list[str]:
    words = ["build", *PARTS[name].words, "--input", str(_input(name, folder))]
    words += ["--store", str(folder / "store"), "--run", name, "--retry-delay-s", "1"]
    return words + [flag for flag in ("--json", "--verbose") if getattr(arguments, flag[2:])]


def _unite(folder: Path, arguments: argparse.Namespace) -> int:
    words = ["corpus", "--store", str(folder / "store"), "--name", UNITED, "--runs", *PARTS]
    words += ["--validation-share", "0.1", "--test-share", "0.1"]
    words += ["--json"] if arguments.json else []
    sys.stderr.write(f"\neditcorpus {' '.join(words)}\n")
    parser = argparse.ArgumentParser()
    corpus.add_arguments(parser)
    return corpus.run(parser.parse_args(words[1:]))
