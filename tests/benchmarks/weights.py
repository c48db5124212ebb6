"""Bytes for a pixel of each kind of picture that a run keeps, over a folder of photographs.

`.venv/bin/python tests/benchmarks/weights.py FOLDER`; `editcorpus/stages/weights.py` holds the result.
"""

import io
import sys
from collections import Counter
from pathlib import Path

from PIL import Image

from editcorpus import images
from editcorpus.steps import pad

_LONGEST = 1536


def _weights(image: Image.Image) -> dict[str, tuple[int, int]]:
    """Bytes and pixels of one picture by what is made of it."""
    free = pad.canvas_geometry(image.size, pad.Config(canvas="free"))
    canvas, view = pad.lay(image, free), images.fit(image)
    made = {
        "canvas, edited (PNG, level 1)": (images.encode_png(canvas), canvas),
        "answer (PNG)": (images.encode_png(canvas, 6), canvas),
        "view (JPEG 90)": (images.encode_jpeg(view), view),
    }
    for kind in ("JPEG", "WEBP"):
        out = io.BytesIO()
        canvas.save(out, kind, quality=100)
        made[f"answer ({kind})"] = out.getvalue(), canvas
    return {name: (len(data), each.width * each.height) for name, (data, each) in made.items()}


def main(folder: str) -> None:
    """Print a line for each kind of picture."""
    data, pixels = Counter[str](), Counter[str]()
    for path in sorted(Path(folder).glob("*.jpg")):
        image = images.decode(path.read_bytes())
        for name, (length, count) in _weights(images.fit(image, _LONGEST)).items():
            data[name] += length
            pixels[name] += count
    for name in data:
        sys.stdout.write(f"{name}: {data[name] / pixels[name]:.2f} bytes a pixel\n")


if __name__ == "__main__":
    main(sys.argv[1])
