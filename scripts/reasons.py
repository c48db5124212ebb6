"""Writes docs/reasons.md: `make docs`."""

import sys

from editcorpus.records import REMEDIES, SENTENCES

_HEAD = """\
# Reasons

Why a triplet is not in a corpus: the closed list, as `rejects.parquet` and `failed.parquet` name it. What
was measured stands beside the reason, under `detail`. `editcorpus failures` groups and counts them, and names
the command that does a group again; the artifact `editcorpus-failures` has the form of it, filled in. Under
another run name, what the store holds is not paid for again. This page is written by `make docs`.

| reason | what it says | what to do |
|---|---|---|
"""


def page() -> str:
    """The page, as the code has it."""
    return _HEAD + "".join(
        f"| `{key}` | {sentence} | {REMEDIES[key]} |\n" for key, sentence in SENTENCES.items()
    )


if __name__ == "__main__":
    sys.stdout.write(page())
