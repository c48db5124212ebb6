"""One static page with its pictures and rows beside it; it loads from a disk or a bucket.

The rows lie in the page, and in parts beside it, as JSON with every character escaped that could end the
element, and become text nodes; a strict policy forbids all scripts and styles but the page's own.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from editcorpus.ahead import ahead
from editcorpus.gallery.album import Album, names_of
from editcorpus.gallery.entries import GalleryEntry, to_row
from editcorpus.gallery.parts import digest, embedded, packed, part_page, split
from editcorpus.gallery.summary import Summary
from editcorpus.renewing import renew
from editcorpus.storage import Store

INDEX = "index.html"
FIRST, PART = 120, 500
"""Rows in the page itself, which are shown at once, and in each part beside it."""
_PARTS = "rows"
_PART = re.compile(r"[0-9]{4}-[0-9a-f]{16}\.html")
_THREADS, _WIDTH = 4, 8
"""Threads that make thumbnails and write pictures, and triplets under way at once."""
_SCRIPTS = (
    *("dom.js", "view.js", "rows.js", "overlays.js", "compare.js", "card.js", "grid.js"),
    *("detail.js", "filters.js", "keys.js", "page.js"),
)


def write_gallery(
    store: Store,
    folder: str,
    cards: Iterable[GalleryEntry],
    title: str,
    facts: Sequence[tuple[str, str]] = (),
    notice: str = "",
) -> str:
    """Write the page, its pictures and rows first, and return its path in the store.

    Entries are taken a few at a time: pass a generator. Files are named after their content, so
    those that are there already are not written again; those of an older page are removed.

    Args:
        store: Where everything lies.
        folder: Where the page is to lie, such as `corpora/<run>/gallery`.
        cards: The triplets, in the order in which they are shown at first.
        title: Heading of the page.
        facts: Label and value of what is told above the triplets, such as dollars and dates.
        notice: A warning over all, such as that the answers are emulated.
    """
    album, summary = Album(store, folder), Summary()
    old = set(store.list(f"{folder}/{_PARTS}"))
    used: set[str] = set()
    first: list[dict[str, Any]] = []
    parts: list[str] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        made = ahead(pool, lambda card: to_row(card, album.place(card)), cards, _WIDTH)
        for number, rows in enumerate(split(made, FIRST, PART)):
            for row in rows:
                summary.add(row)
                used.update(names_of(row))
            if number:
                parts.append(_write_part(store, folder, number, rows))
            else:
                first = rows
    words = {"title": title, "facts": facts, "notice": notice}
    path = f"{folder}/{INDEX}"
    renew(store, path, _page(words, summary, first, parts).encode())
    album.remove_others(used)
    _remove_parts(store, old - {f"{folder}/{part}" for part in parts})
    return path


def page_text(title: str, facts: Sequence[tuple[str, str]], notice: str) -> str:
    """The page without a triplet: it changes with all that the page is made of but them."""
    return _page({"title": title, "facts": facts, "notice": notice}, Summary(), [], [])


def _write_part(store: Store, folder: str, number: int, rows: list[dict[str, Any]]) -> str:
    """Write rows beside the page; gives their path as the page names it."""
    text = part_page(rows)
    name = f"{_PARTS}/{number:04d}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.html"
    renew(store, f"{folder}/{name}", text.encode())
    return name


def _remove_parts(store: Store, paths: Iterable[str]) -> None:
    for path in sorted(paths):
        if _PART.fullmatch(path.rpartition("/")[2]):
            store.remove(path)


def _page(
    words: dict[str, Any], summary: Summary, first: list[dict[str, Any]], parts: list[str]
) -> str:
    """The whole page: the same rows give the same text."""
    style, script = _asset("style.css"), "".join(map(_asset, _SCRIPTS))
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        _asset("page.html.jinja")
    )
    data = embedded(summary.told() | {"parts": parts, "first": packed(first)})
    # Safe: the first two are the package's own files, the others escape all that they are given.
    own = {"style": style, "script": script, "data": data, "plots": "".join(summary.plots())}
    return template.render(
        words | {name: Markup(text) for name, text in own.items()},  # noqa: S704
        policy=_policy(style, script),
        count=summary.total,
    )


def _policy(style: str, script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' file: data:",
            "frame-src 'self' file:",
            f"style-src '{digest(style)}'",
            f"script-src '{digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
