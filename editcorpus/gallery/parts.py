"""The rows of the gallery in parts: some in the page itself, the others in files beside it.

A page that was opened from a disk may not read its neighbours, and one that may load them as scripts would
run whatever lies there. So each part is a page of its own, which is loaded into a sandboxed frame and
hands its text to the page that holds it: data is never code, and the policy of the page names
no script but its own.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

_Item = TypeVar("_Item")
_HAND_OVER = (
    '"use strict";parent.postMessage(document.getElementById("rows").textContent,'
    'location.protocol==="file:"?"*":location.origin);'
)


def packed(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows as a list of names and lists of values in their order; None where a row has none."""
    names = sorted({name for row in rows for name in row})
    return {"names": names, "rows": [[row.get(name) for name in names] for row in rows]}


def part_page(rows: Sequence[Mapping[str, Any]]) -> str:
    """A page that hands its rows to the page that holds it, and shows nothing."""
    policy = f"default-src 'none'; script-src '{digest(_HAND_OVER)}'"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        "<title>Rows of the gallery</title>"
        f'<script id="rows" type="application/json">{embedded(packed(rows))}</script>'
        f"<script>{_HAND_OVER}</script></html>\n"
    )


def embedded(value: Any) -> str:
    """JSON in ASCII that cannot end the script element, open a comment or a tag."""
    text = json.dumps(
        value, ensure_ascii=True, sort_keys=True, allow_nan=False, separators=(",", ":")
    )
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def digest(text: str) -> str:
    """What a policy calls a script or a style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def split(items: Iterable[_Item], first: int, others: int) -> Iterator[list[_Item]]:
    """Lists of `first` items, then of `others`; there is always a first one."""
    made: list[_Item] = []
    size = first
    for item in items:
        if len(made) == size:
            yield made
            made, size = [], others
        made.append(item)
    yield made
