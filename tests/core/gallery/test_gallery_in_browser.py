"""The gallery in a real browser, from a disk and over HTTP."""

import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def ids(page: Any) -> list[str]:
    found: list[str] = page.locator("article").evaluate_all("all => all.map(a => a.dataset.id)")
    return found


def count(page: Any) -> str:
    text: str = page.locator("#count").inner_text()
    return text


def cut(card: Any) -> str:
    text: str = card.locator(".frame").evaluate("f => f.style.getPropertyValue('--cut')")
    return text


def test_it_shows_a_page_of_triplets_with_all_that_is_known(opened: Any) -> None:
    page = opened.page
    assert page.title() == "spring"
    assert count(page) == "1–60 of 130 triplets (130 in all)"
    assert page.get_by_text("EMULATED. Not a model.").is_visible()
    text = page.locator("article").nth(5).inner_text()
    for known in ("kept", "removal / obj", "0.85", "Add a red balloon, number 5.", "preserved",
                  "240×180 on 1536×1024, box 1365×1024 at 85,0", "12.0% changed", "$0.0531",
                  "gpt-image-2.5-sunburst", "omniedit/task_5"):  # fmt: skip
        assert known in text
    reject = page.locator("article").nth(2).inner_text()
    for known in ("rejected", "The source image does not decode", "It ends early.", "pad · image_"):
        assert known in reject
    assert "No picture" in reject
    page.wait_for_function("[...document.querySelectorAll('article img')].some(i => i.complete)")
    loaded = page.locator("article .source").first
    loaded.evaluate("image => image.decode()")
    assert loaded.evaluate("image => image.naturalWidth") == 240


def test_markup_in_texts_and_ids_stays_text(opened: Any) -> None:
    page = opened.page
    card = page.locator("article").first
    assert card.locator("h2").inner_text() == opened.script
    assert card.locator("h2 *").count() == 0
    quoted = page.locator("article").nth(1)
    assert quoted.locator("code.id").inner_text() == opened.quoted
    assert quoted.locator("img.source").get_attribute("alt") == f"Source of {opened.quoted}"
    assert "rewritten from Put a ball in." in quoted.inner_text()
    page.get_by_label(f"Enlarge {opened.quoted}").click()
    assert opened.quoted in page.locator("dialog").inner_text()
    assert page.title() == "spring"


def test_it_filters_by_verdict_reason_task_and_words(opened: Any) -> None:
    page = opened.page
    page.locator(".verdicts label.rejected").click()
    assert ids(page) == ["omniedit/task_2", "omniedit/task_3"]
    assert count(page) == "2 of 130 triplets"
    page.get_by_label("Reason").select_option("no_edit")
    assert ids(page) == ["omniedit/task_3"]
    page.locator("#task").select_option("addition")
    assert ids(page) == []
    assert page.get_by_text("No triplet fits all of this.").is_visible()
    page.get_by_role("button", name="Reset").click()
    assert count(page) == "1–60 of 130 triplets (130 in all)"
    page.get_by_label("Search").fill("BALLOON number 77.")
    assert ids(page) == ["omniedit/task_77"]
    page.get_by_label("Search").fill("cut short or damaged")
    assert ids(page) == ["omniedit/task_2"]


def test_the_address_keeps_the_view(opened: Any) -> None:
    page = opened.page
    page.locator("#task").select_option("removal")
    page.get_by_label("Search").fill("number")
    page.get_by_label("Order").select_option("score-high")
    page.get_by_role("button", name="Next").first.click()
    before = (ids(page), count(page))
    page.reload()
    assert (ids(page), count(page)) == before
    assert page.url.endswith("#q=number&task=removal&order=score-high&page=2")


def test_it_sorts_by_score_and_leaves_those_without_for_the_end(opened: Any) -> None:
    page = opened.page
    page.get_by_label("Order").select_option("score-low")
    scores = [float(text) for text in page.locator("article .score").all_text_contents()]
    assert scores == sorted(scores)
    assert len(scores) == 60
    page.get_by_label("Order").select_option("score-high")
    scores = [float(text) for text in page.locator("article .score").all_text_contents()]
    assert scores == sorted(scores, reverse=True)
    for _ in range(2):
        page.get_by_role("button", name="Next").first.click()
    assert ids(page)[-3:] == ["omniedit/task_2", "omniedit/task_3", "omniedit/task_4"]


def test_pages_turn(opened: Any) -> None:
    page = opened.page
    page.get_by_role("button", name="Next").last.click()
    assert ids(page)[0] == "omniedit/task_60"
    assert page.evaluate("window.scrollY") == 0
    page.get_by_role("button", name="Next").first.click()
    assert count(page) == "121–130 of 130 triplets (130 in all)"
    assert page.get_by_role("button", name="Next").first.is_disabled()
    page.get_by_role("button", name="Previous").first.click()
    assert ids(page)[0] == "omniedit/task_60"


def test_the_line_follows_the_mouse(opened: Any) -> None:
    page = opened.page
    card = page.locator("article").first
    box = card.locator(".frame").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for share in (0.6, 0.7, 0.8):
        page.mouse.move(box["x"] + share * box["width"], y)
    page.mouse.up()
    assert 79 <= float(cut(card).removesuffix("%")) <= 81
    handle = card.locator(".handle").bounding_box()
    assert abs(handle["x"] + handle["width"] / 2 - box["x"] - 0.8 * box["width"]) < 4
    clip = card.locator("img.edited").evaluate("i => getComputedStyle(i).clipPath")
    assert clip.replace(" ", "").startswith("inset(0px0px0px")
    assert float(clip.split()[-1].removesuffix("%)")) == float(cut(card).removesuffix("%"))


def test_the_line_follows_the_keyboard(opened: Any) -> None:
    page = opened.page
    card = page.locator("article").first
    slider = card.get_by_role("slider", name="Compare source and edited image of omniedit/task_0")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert cut(card) == "51%"
    page.keyboard.press("Home")
    assert cut(card) == "0%"
    assert slider.get_attribute("aria-valuetext") == "0% source, 100% edited"
    page.keyboard.press("End")
    assert cut(card) == "100%"


def test_changes_are_laid_over_one_or_all(opened: Any) -> None:
    page = opened.page
    one, other = page.locator("article").nth(0), page.locator("article").nth(1)
    assert not one.locator("img.mask").is_visible()
    one.get_by_role("button", name="Changes").click()
    assert one.locator("img.mask").is_visible()
    assert not other.locator("img.mask").is_visible()
    page.get_by_role("button", name="Show changes").click()
    assert other.locator("img.mask").is_visible()
    other.locator("img.mask").evaluate("image => image.decode()")
    assert page.locator("article").nth(4).locator("img.mask").count() == 0
    page.get_by_role("button", name="Next").first.click()
    assert page.locator("article").first.locator("img.mask").is_visible()


def test_the_large_view_opens_steps_and_closes_by_keyboard(opened: Any) -> None:
    page = opened.page
    dialog = page.locator("dialog")
    opener = page.get_by_role("button", name="Enlarge omniedit/task_5", exact=True)
    opener.focus()
    page.keyboard.press("Enter")
    assert "Add a red balloon, number 5." in dialog.inner_text()
    assert "6 of 130" in dialog.inner_text()
    dialog.get_by_role("button", name="Next").click()
    assert "Add a red balloon, number 6." in dialog.inner_text()
    assert dialog.get_by_role("button", name="Next").evaluate("b => b === document.activeElement")
    page.keyboard.press("k")
    assert "number 5." in dialog.inner_text()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert opener.evaluate("button => button === document.activeElement")


def test_every_control_has_a_name_and_every_picture_a_text(opened: Any) -> None:
    page = opened.page
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select')].filter((node) =>
            !(node.labels && node.labels.length) && !node.getAttribute('aria-label')
            && !node.textContent.trim()).length"""
    )
    assert nameless == 0
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("img:not([loading=lazy])").count() == 0


@pytest.mark.parametrize(("width", "columns"), [(360, 1), (800, 2), (1400, 4)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen(
    browser: Any, folder: Path, width: int, columns: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(f"{folder.as_uri()}/index.html")
    style = page.locator("#grid").evaluate("g => getComputedStyle(g).gridTemplateColumns")
    assert len(style.split()) == columns
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 200) == (scheme == "dark")
    page.close()


def test_a_missing_picture_is_said_on_its_card(browser: Any, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "g")
    for picture in tmp_path.glob("g/pictures/*-edited-*"):
        picture.unlink()
    page = browser.new_page()
    page.goto((tmp_path / "g/index.html").as_uri())
    page.locator(".frame.broken").first.wait_for()
    page.close()
