"""Prints what the dataset class of DiffSynth-Studio makes of an exported folder, as lines of JSON.

Run by the Python of an environment that holds `diffsynth` (`make test-trainers`), not by the project's own.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch

try:
    import torchvision
except RuntimeError:  # a wheel for CUDA beside a torch for the CPU: what it lacks, no picture needs
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    import torchvision  # noqa: F401

from diffsynth.core import UnifiedDataset

folder = Path(sys.argv[1])
pictures = ("image", "edit_image", "kontext_images")
dataset = UnifiedDataset(
    base_path=str(folder),
    metadata_path=str(folder / "pairs.jsonl"),
    data_file_keys=pictures,
    main_data_operator=UnifiedDataset.default_image_operator(str(folder), max_pixels=1024 * 1024),
)
for number in range(len(dataset)):
    item = dataset[number]
    told = {
        name: [*item[name].size, hashlib.sha256(item[name].tobytes()).hexdigest()]
        for name in pictures
    }
    print(json.dumps(told | {"prompt": item["prompt"]}))
