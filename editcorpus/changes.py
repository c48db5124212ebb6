"""Cheap measures of what changed between two pictures."""

import numpy as np
from PIL import Image


def is_blank(image: Image.Image) -> bool:
    """Whether a picture shows one flat colour."""
    small = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.BOX), np.float32)
    return bool(small.reshape(-1, 3).std(0).max() < 2)
