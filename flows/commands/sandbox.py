"""`editcorpus sandbox`: serve the model APIs without key, GPU or cost, for a rehearsal."""

import argparse
import sys

from editcorpus.sandbox import SandboxConfig, serve
from editcorpus.sandbox.__main__ import rates


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=8100, help="TCP port (8100); 0 takes a free one"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides edits, faults and delays")
    parser.add_argument("--time-scale", type=float, default=0.01, help="factor on delays (0.01)")
    parser.add_argument("--faults", default="", metavar="NAME=RATE,...", help="share of calls")
    parser.add_argument("--defects", default="", metavar="NAME=RATE,...", help="share of edits")
    parser.add_argument("--canned", action="store_true", help="answers that cost no CPU")
    parser.add_argument("--journal", default=None, help="file that keeps every call")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted."""
    root = f"http://{arguments.host}:{arguments.port}"
    sys.stdout.write(
        f"export OPENAI_BASE_URL={root}/v1 OPENAI_API_KEY=sandbox QWEN_VL_BASE_URL={root}/vllm/v1\n"
    )
    sys.stdout.flush()
    serve(
        SandboxConfig(
            host=arguments.host,
            port=arguments.port,
            seed=arguments.seed,
            time_scale=arguments.time_scale,
            faults=rates(arguments.faults),
            defects=rates(arguments.defects),
            canned=arguments.canned,
            journal_path=arguments.journal,
        )
    )
    return 0
