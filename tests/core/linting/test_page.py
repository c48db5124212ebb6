"""The page stands alone, says what was found, and whatever a corpus holds stays text."""

import re
from pathlib import Path
from typing import Any

import pytest
from chromium import launched, page_of
from PIL import Image

from editcorpus.linting.lint import Settings, look
from editcorpus.linting.page import page_text
from editcorpus.linting.summed import summed
from editcorpus.linting.thumbs import LONGEST, MOST_BYTES, shown


def hostile_rows(planted: Any) -> list[Any]:
    picture, other = planted.scene(3), planted.scene(4)
    good, bar = planted.png(picture), picture.copy()
    bar.paste((255, 255, 255), (0, 0, 20, bar.height))
    quoted = '"><img src=x onerror="document.title=1">'
    return [
        planted.row(planted.script, planted.script, good, planted.png(bar), {"license": quoted}),
        planted.row(quoted, "</style></table>", good, good, {"task": "object_removal"}),
        planted.row(
            "a\u202eb\x00\n" * 200, "{{ 7 * 7 }} {% raw %} Now make it larger.", good, good
        ),
        planted.row("bomb", "Blow it up at once.", planted.bomb(), planted.bomb(60_000)),
        planted.row("out", "Look at the secret.", "../secret.png", good),
        planted.row("far-out", "Show the other one.", good, "../../../../secret.png"),
        planted.row("link", "Go and fetch that.", "https://example.org/a.png", good),
        planted.row("svg", "Draw me a vector.", b"<svg onload='alert(1)'/>", planted.png(other)),
    ]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, planted: Any) -> tuple[Any, str]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "secret.png").write_bytes(planted.png(planted.scene(6)))
    where = planted.write_folder(folder / "corpus", hostile_rows(planted), {})
    report, examples = summed(look(str(where), {}, Settings()))
    return report, page_text(report, examples)


def test_hostile_rows_are_findings_and_read_nothing_outside(hostile: tuple[Any, str]) -> None:
    report, _ = hostile
    found = {(one.id, str(one.check)) for one in report.findings}
    assert {("bomb", "size_bomb"), ("out", "row_unusable"), ("link", "row_unusable")} <= found
    assert {("far-out", "picture_missing"), ("svg", "picture_broken")} <= found
    assert max(len(one.id) for one in report.findings) == 300


def test_what_a_corpus_holds_stays_text(hostile: tuple[Any, str]) -> None:
    _, page = hostile
    assert "<script" not in page
    assert "onerror=&#34;" in page
    assert len(re.findall("<img ", page)) == len(
        re.findall('<img src="data:image/jpeg;base64,', page)
    )
    assert page.count("</style>") == page.count("</body>") == 1
    assert "{{ 7 * 7 }}" in page
    assert not re.search("[\u202e\x00\x1b]", page)


def test_the_page_asks_for_nothing(linted: Any) -> None:
    page = (linted.folder / "index.html").read_text("utf-8")
    assert "default-src &#39;none&#39;; img-src data:; style-src &#39;sha256-" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "url(" not in page


def test_the_page_tells_what_was_found_and_what_was_not(linted: Any) -> None:
    page = (linted.folder / "index.html").read_text("utf-8")
    assert "<strong>9 of 22</strong> triplets have no defect." in page
    assert 'href="#residual_padding">Residual padding</a>' in page
    assert re.search(r"Not found:</strong>\s+wrong picture", page)
    assert "No model was asked." in page


@pytest.mark.parametrize("size", [(3000, 2000), (40, 30), (4000, 3), (1, 1)], ids=str)
def test_small_pictures_are_bounded_whatever_their_shape(size: tuple[int, int]) -> None:
    noise = Image.effect_noise(size, 120).convert("RGB")
    pair = shown(noise, noise, [(0, 0, 0.01, 1), (-3, -3, 9, 9), (1, 1, 1, 1)])
    for data in pair:
        assert len(data) <= MOST_BYTES
    assert max(size) < LONGEST or pair.source != pair.edited


@pytest.mark.browser
def test_a_browser_shows_it_without_a_complaint(
    linted: Any, hostile: tuple[Any, str], tmp_path: Path
) -> None:
    (tmp_path / "hostile.html").write_text(hostile[1], "utf-8")
    complaints: list[str] = []
    asked: list[str] = []
    with launched() as browser:
        for path in (linted.folder / "index.html", tmp_path / "hostile.html"):
            page = page_of(browser, viewport={"width": 390, "height": 800})
            page.on("console", lambda message: complaints.append(message.text))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(path.as_uri())
            assert page.title().startswith("Lint of ")
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 390
            assert page.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
