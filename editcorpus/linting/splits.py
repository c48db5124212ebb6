"""In which split a published file lies, told by its name, as `datasets` tells it.

The words are those of the Hugging Face documentation, "Structure your repository": a split is named by a file
or one of its folders, between marks that are no letters.
"""

import re

TRAIN = "train"
_WORDS = {
    TRAIN: ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SPLITS = {word: split for split, words in _WORDS.items() for word in words}


def split_of(file: str) -> str:
    """`train`, `validation` or `test`; empty where a path or URL names none, or more than one.

    The last part of a path that names any decides.
    """
    for part in reversed(re.split(r"[/:]+", file.lower())):
        found = {_SPLITS[word] for word in re.split(r"[^a-z]+", part) if word in _SPLITS}
        if found:
            return found.pop() if len(found) == 1 else ""
    return ""
