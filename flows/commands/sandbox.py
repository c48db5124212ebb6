"""`editcorpus sandbox`: serve the model APIs without key, GPU or cost, for a rehearsal."""

import argparse

from editcorpus.sandbox import config_of, serve

_MEMBERS = (
    "host", "port", "seed", "time_scale", "faults", "strikes", "defects", "canned", "requests",
    "benchmark",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=8100, help="TCP port (8100); 0 takes a free one"
    )
    parser.add_argument("--seed", type=int, default=0, help="decides edits, faults and delays")
    parser.add_argument("--time-scale", type=float, default=0.01, help="factor on delays (0.01)")
    parser.add_argument("--faults", default="", metavar="NAME=RATE,...", help="share of calls")
    parser.add_argument(
        "--strikes", default="", metavar="NAME=N[-M],...", help="calls that it strikes by number"
    )
    parser.add_argument(
        "--concurrent", type=int, default=0, metavar="N", help="calls at once (0: any)"
    )
    parser.add_argument(
        "--quota-after-usd", default=None, metavar="USD", help="after which calls are refused"
    )
    parser.add_argument("--defects", default="", metavar="NAME=RATE,...", help="share of edits")
    parser.add_argument(
        "--requests", default=None, metavar="DIR", help="groups of canvases, for the defect swapped"
    )
    parser.add_argument(
        "--benchmark",
        default=None,
        metavar="DIR",
        help="pictures that the defect of that name shows",
    )
    parser.add_argument("--canned", action="store_true", help="answers that cost no CPU")
    parser.add_argument("--journal", default=None, help="file that keeps every call")


def run(arguments: argparse.Namespace) -> int:
    """Serve until interrupted; the line that is printed makes a shell use it."""
    members = {name: getattr(arguments, name) for name in _MEMBERS}
    members["limits"] = {"concurrent": arguments.concurrent}
    members["quota_after_usd"] = arguments.quota_after_usd
    serve(config_of({**members, "journal_path": arguments.journal}), exports)
    return 0


def exports(host: str, port: int) -> str:
    """What a shell runs to have its builds go to the sandbox."""
    root = f"http://{host}:{port}"
    return (
        f"export OPENAI_BASE_URL={root}/v1 OPENAI_API_KEY=sandbox "
        f"QWEN_VL_BASE_URL={root}/vllm/v1 EMBEDDINGS_BASE_URL={root}/pooling/v1"
    )
