"""Kill a run again and again, and prove at its end that nothing was lost and nothing paid twice.

    python tests/chaos/chaos.py [--kills 50] [--rows 400] [--stores folder,s3] [--seed 0]

Each store sees one run that is killed so many times (`kill -9` of the whole process group): at a random
moment, after a random number of calls, or at a failpoint inside a write; the S3 server and the model
API are killed in between, too. One Prefect server serves all restarts. The budget is set too low and
raised each time that it stops the run. Then the run is left alone to its end, and its corpus is held
against that of an undisturbed run, its ledger against the server's journal. Exit code 0 means that all
of it held. A model API's faults are drawn by request and attempt: killing a client changes none.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from books import corpus, held_against
from inputs import write_input
from lives import RUN, STOPPED, Chaos, Session
from servers import Place, bucket, prefect, sandbox, serving
from table import summary, tell, wrong

from editcorpus.ledger import read_history

STORMY: dict[str, Any] = {
    "latency_s": 0.3,
    "time_scale": 1.0,
    "faults": {"rate_limit": 0.05, "server_error": 0.05, "cut_body": 0.03, "reset": 0.02},
    "defects": {"echo": 0.05},
}
"""15% of calls fail; one edit in twenty comes back unchanged, so that there are rejects."""
FAILPOINTS = (
    "before:runs/*/publish.json",
    "during:runs/*/publish.json",
    "after:runs/*/publish.json",
    "during:corpora/*/data/*",
    "after:corpora/*/data/*",
    "during:runs/*/regenerate.json",
    "after:runs/*/pad.json",
    "before:responses/*",
    "during:responses/*",
    "after:responses/*",
    "before:journal/*",
    "during:journal/*",
    "after:journal/*",
)


def plans(kills: int, chance: random.Random, *, on_s3: bool) -> Iterator[str]:
    """How each life is to end: 3 in 10 at a failpoint, half of the rest by calls, half by time."""
    for number in range(kills):
        if number % 10 in {1, 4, 7}:
            yield f"failpoint {FAILPOINTS[number // 3 % len(FAILPOINTS)]}"
        elif number % 20 == 9:
            yield "api"
        elif on_s3 and number % 20 == 12:
            yield "s3"
        elif number % 2:
            yield f"time {chance.uniform(1, 14):.1f}"
        else:
            yield f"calls {chance.randint(1, 50)}"


def main(arguments: argparse.Namespace) -> int:
    """Run it all; the exit code tells whether everything held."""
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="chaos-") as name:
        folder = Path(name)
        source = write_input(folder / "input", arguments.rows)
        orchestrator = prefect(folder / "prefect")
        with serving(orchestrator):
            api = sandbox(folder / "calm-api", {**STORMY, "latency_s": 0})
            calm = Chaos(
                Place(str(folder / "calm"), None, folder / "spool"),
                api,
                orchestrator,
                source,
                _home(folder / "calm-home"),
                Decimal(10_000),
            )
            with serving(api):
                told = calm.finish()
            wanted = corpus(calm.place.store, RUN)
            print(f"undisturbed: {told['kept']} kept, {told['cost_usd']} dollars", flush=True)
            for store in arguments.stores.split(","):
                problems += _chaos_on(
                    store, folder, calm, wanted, arguments, Decimal(told["cost_usd"])
                )
    for problem in problems:
        print("PROBLEM:", problem)
    return 1 if problems else 0


def _home(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _chaos_on(
    store: str,
    folder: Path,
    calm: Chaos,
    wanted: Mapping[str, bytes],
    arguments: argparse.Namespace,
    usd: Decimal,
) -> list[str]:
    chance = random.Random(arguments.seed)
    on_s3 = store == "s3"
    server = bucket(folder / "s3") if on_s3 else None
    root = "s3://team/chaos" if on_s3 else str(folder / "store")
    api = sandbox(folder / f"{store}-api", STORMY)
    with serving(*filter(None, (server, api))):
        chaos = Chaos(
            Place(root, server, folder / f"{store}-spool"),
            api,
            calm.orchestrator,
            calm.source,
            _home(folder / f"{store}-home"),
            (usd / 2).quantize(Decimal("0.01")),
        )
        began = time.monotonic()
        for number, how in enumerate(plans(arguments.kills, chance, on_s3=on_s3), 1):
            code = STOPPED
            while code == STOPPED:  # the budget, or a server that was killed; it has another life
                session = Session(number, how)
                code = chaos.live(session)
                tell(session)
            if code in {0, 2}:
                break
        told = chaos.finish()
        calls = api.ask("__admin/journal")["calls"]
        verdict = held_against(read_history(chaos.place.store, RUN), calls)
        found = corpus(chaos.place.store, RUN)
    summary(store, chaos, verdict, told, time.monotonic() - began)
    return [f"{store}: {text}" for text in wrong(chaos, verdict, told, found, wanted)]


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description="Kill a run again and again.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--stores", default="folder,s3")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(parsed()))
