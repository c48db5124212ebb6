"""One static page with its pictures beside it; it loads from a disk or a bucket, and nothing else.

The triplets lie in the page as JSON with every character escaped that could end the element, and
become text nodes; a strict policy forbids all scripts and styles but the page's own.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from editcorpus.gallery.entries import GalleryEntry, to_json
from editcorpus.renewing import renew
from editcorpus.storage import Store

INDEX = "index.html"
_SCRIPTS = ("dom.js", "compare.js", "card.js", "detail.js", "page.js")
_ROLES = ("source", "edited", "mask")
_NAME = re.compile(r"[A-Za-z0-9_-]+-[0-9a-f]{16}\.(?:jpg|png|webp)")


def write_gallery(
    store: Store,
    folder: str,
    cards: Iterable[GalleryEntry],
    title: str,
    facts: Sequence[tuple[str, str]] = (),
    notice: str = "",
) -> str:
    """Write the page, its pictures first, and return its path in the store.

    Entries are taken one at a time: pass a generator. Pictures are named after id and content, so
    those that are there already are not written again; those of an older page are removed.

    Args:
        store: Where everything lies.
        folder: Where the page is to lie, such as `corpora/<run>/gallery`.
        cards: The triplets, in the order in which they are shown at first.
        title: Heading of the page.
        facts: Label and value of what is told above the triplets, such as dollars and dates.
        notice: A warning over all, such as that the answers are emulated.
    """
    pictures = f"{folder}/pictures"
    there = set(store.list(pictures))
    used: set[str] = set()
    rows = []
    for card in cards:
        rows.append(to_json(card, _place(store, folder, card, there)))
        used.update(f"{folder}/{path}" for path in rows[-1]["pictures"].values())
    path, page = f"{folder}/{INDEX}", page_text(rows, title, facts, notice).encode()
    renew(store, path, page)
    for old in sorted(there - used):
        if _NAME.fullmatch(old.removeprefix(f"{pictures}/")):
            store.remove(old)
    return path


def page_text(
    rows: list[dict[str, Any]], title: str, facts: Sequence[tuple[str, str]], notice: str
) -> str:
    """The whole page: the same rows give the same text."""
    style, script = _asset("style.css"), "".join(map(_asset, _SCRIPTS))
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        _asset("page.html.jinja")
    )
    # Safe: the first two are the package's own files, the third is escaped by `_embedded`.
    own = {"style": style, "script": script, "data": _embedded(rows)}
    return template.render(
        {name: Markup(text) for name, text in own.items()},  # noqa: S704
        title=title,
        facts=facts,
        notice=notice,
        policy=_policy(style, script),
        count=len(rows),
    )


def _place(store: Store, folder: str, card: GalleryEntry, there: set[str]) -> dict[str, str]:
    """Write what pictures an entry has; gives their paths as the page names them."""
    places = {}
    for role in _ROLES:
        data = getattr(card, role)
        kind = _extension(data) if data else ""
        if kind:
            path = f"pictures/{_name(card.id, role, data)}.{kind}"
            if f"{folder}/{path}" not in there:
                store.write(f"{folder}/{path}", data)
            places[role] = path
    return places


def _name(entry_id: str, role: str, data: bytes) -> str:
    """A file name of letters, digits, `-` and `_`, different for every id and content."""
    readable = re.sub(r"[^A-Za-z0-9]+", "_", entry_id).strip("_")[:60] or "triplet"
    known = hashlib.sha256(entry_id.encode("utf-8", "surrogatepass") + b"\0" + data)
    return f"{readable}-{role}-{known.hexdigest()[:16]}"


def _extension(data: bytes) -> str:
    """The extension of a picture that every browser shows; empty for anything else, SVG included."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    return "jpg" if data.startswith(b"\xff\xd8\xff") else ""


def _embedded(rows: list[dict[str, Any]]) -> str:
    """JSON in ASCII that cannot end the script element, open a comment or a tag."""
    text = json.dumps(
        rows, ensure_ascii=True, sort_keys=True, allow_nan=False, separators=(",", ":")
    )
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' file: data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
