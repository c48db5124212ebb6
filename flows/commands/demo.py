"""`editcorpus demo`: build a small corpus against the sandbox, without key, GPU or cost."""

import argparse
import time
from pathlib import Path

from editcorpus.demo.rows import write_demo_input
from editcorpus.errors import ConfigError
from editcorpus.sandbox import SandboxConfig, running
from editcorpus.stages.opening import check
from flows.commands import build
from flows.connections import from_environment
from flows.starting import direct_job

RUN = "demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--folder", default="demo", help="where everything is put (demo)")
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")
    parser.add_argument("--verbose", action="store_true", help="show the log")


def run(arguments: argparse.Namespace) -> int:
    """Write the input, start the sandbox, build, and make the gallery."""
    began = time.monotonic()
    folder = Path(arguments.folder).absolute()
    source = folder / "input"
    if not source.is_dir():
        _write_input(source)
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
        recipe = build.recipe_of(_build_arguments(source, folder, arguments))
        connections = from_environment(environment, str(folder / "store"), {"in_flight": 32})
        check(direct_job("omniedit", recipe.settled(), connections))
        return build.start(_build_arguments(source, folder, arguments), recipe, connections, began)


def _write_input(folder: Path) -> None:
    try:
        write_demo_input(folder)
    except OSError as error:
        raise ConfigError(f"The demo cannot write to {folder}: {error.strerror}.") from error


def _build_arguments(
    source: Path, folder: Path, arguments: argparse.Namespace
) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    build.add_arguments(parser)
    words = ["omniedit", "--input", str(source), "--store", str(folder / "store"), "--run", RUN]
    words += ["--shard-size", "12", "--retry-delay-s", "1"]
    words += [flag for flag in ("--json", "--verbose") if getattr(arguments, flag[2:])]
    return parser.parse_args(words)
