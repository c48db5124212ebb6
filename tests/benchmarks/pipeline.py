"""Client CPU of a triplet of 1.5 megapixels over the whole pipeline, with codecs told apart.

    python tests/benchmarks/pipeline.py [ROWS]

Every stage of the pipeline runs over real photographs of 1408x1056 pixels (4:3, so that canvases are
padded) against the sandbox in another process, whose CPU is not counted. Time inside codecs (decoding,
encoding, and the proof that an answer is whole) is measured in the same run and shown by kind.
The figure: all other CPU, divided by that of one JPEG decode of the same picture. The bar is 8.
"""

import functools
import io
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image, ImageFile

from editcorpus import images
from editcorpus.planning import Selection
from editcorpus.sandbox import SandboxConfig, running
from editcorpus.stages.order import STAGES
from editcorpus.stages.plan import make_plan
from editcorpus.stages.stage import run_stage

sys.path.insert(0, str(Path(__file__).parent))
import rig

SIZE = (1408, 1056)
_DEPTH = threading.local()


class Codecs:
    """CPU seconds and calls inside codecs, by kind."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def wrapped(self, work: Callable[..., Any], kind: Callable[..., str]) -> Callable[..., Any]:
        """`work`, with its CPU time counted unless it is called inside another that is."""

        @functools.wraps(work)
        def measured(*args: Any, **named: Any) -> Any:
            if getattr(_DEPTH, "inside", False):
                return work(*args, **named)
            name = kind(*args, **named)
            if not name:
                return work(*args, **named)
            _DEPTH.inside, began = True, time.thread_time()
            try:
                return work(*args, **named)
            finally:
                _DEPTH.inside = False
                with self._lock:
                    self.seconds[name] += time.thread_time() - began
                    self.calls[name] += 1

        return measured

    def install(self) -> None:
        """Count what Pillow decodes and encodes, and the proof of answers."""

        def decoding(image: ImageFile.ImageFile) -> str:
            return f"decode {image.format}" if image.tile else ""

        def encoding(_image: Image.Image, _file: Any, format: str = "", **_: Any) -> str:  # noqa: A002
            return f"encode {format}"

        ImageFile.ImageFile.load = self.wrapped(ImageFile.ImageFile.load, decoding)  # type: ignore[method-assign]
        Image.Image.save = self.wrapped(Image.Image.save, encoding)  # type: ignore[method-assign]
        images.check_answer = self.wrapped(images.check_answer, lambda *_: "check PNG")


def decode_cpu(data: bytes) -> float:
    """CPU seconds of one JPEG decode, the median of 15."""
    times = []
    for _ in range(15):
        began = time.thread_time()
        Image.open(io.BytesIO(data)).load()
        times.append(time.thread_time() - began)
    return median(times)


def main(rows: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name, running(SandboxConfig(time_scale=0.001)) as server:
        folder = Path(name)
        source = rig.write_input(folder / "input", rows, SIZE)
        decode = decode_cpu(rig.photograph(0, SIZE))
        made = rig.job(folder / "store", source, server, shard_size=rows)
        codecs = Codecs()
        codecs.install()
        with rig.workshop(made) as shop:
            make_plan(shop.store, shop.run, shop.source, shop.inputs, Selection(shard_size=rows))
            began = time.process_time()
            by_stage = {}
            for stage in STAGES:
                start, before = time.process_time(), sum(codecs.seconds.values())
                ended = run_stage(shop, 0, stage)
                inside = sum(codecs.seconds.values()) - before
                by_stage[stage.name] = time.process_time() - start - inside
            total = time.process_time() - began
    inside = sum(codecs.seconds.values())
    rest = (total - inside) / rows
    print(f"{rows} triplets of {SIZE[0]}x{SIZE[1]} px, {ended.kept} kept")
    print(f"one JPEG decode of the same picture: {decode * 1e3:.1f} ms CPU")
    for kind in sorted(codecs.calls):
        calls, seconds = codecs.calls[kind] / rows, codecs.seconds[kind] / rows
        print(f"  {kind:12s} {calls:5.2f} a triplet {seconds * 1e3:7.1f} ms CPU a triplet")
    for stage_name, seconds in by_stage.items():
        print(f"  {stage_name:12s} {seconds / rows * 1e3:7.1f} ms CPU a triplet beside codecs")
    print(f"codecs {inside / rows * 1e3:.1f} ms, all else {rest * 1e3:.1f} ms CPU a triplet")
    print(f"RATIO all else / JPEG decode = {rest / decode:.2f} (bar: 8)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 48)
