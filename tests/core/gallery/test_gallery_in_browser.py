"""The gallery in a real browser, from a disk and over HTTP."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from chromium import page_of

from editcorpus.gallery import write_gallery
from editcorpus.storage import Store

pytestmark = pytest.mark.browser


def ids(page: Any) -> list[str]:
    found: list[str] = page.locator("article").evaluate_all("all => all.map(a => a.dataset.id)")
    return found


def count(page: Any) -> str:
    text: str = page.locator("#count").inner_text()
    return text


def card_of(page: Any, name: str) -> Any:
    """The card of a triplet that is in the window or near it."""
    return page.locator("article").filter(has=page.get_by_text(name, exact=True))


def scroll_to(page: Any, index: int) -> None:
    """Move the window to a triplet by its place in what is shown, and wait for its card."""
    page.evaluate("index => { cards.reveal(index, true); }", index)
    page.locator(f"article[aria-posinset='{index + 1}']").wait_for()


def place(page: Any) -> str:
    text: str = page.evaluate("document.activeElement.getAttribute('aria-posinset')")
    return text


def cut(card: Any) -> str:
    text: str = card.locator(".frame").evaluate("f => f.style.getPropertyValue('--cut')")
    return text


def test_it_shows_triplets_with_all_that_is_known(opened: Any) -> None:
    page = opened.page
    assert page.title() == "spring"
    assert count(page) == "130 triplets"
    assert page.get_by_text("EMULATED. Not a model.").is_visible()
    scroll_to(page, 5)
    text = card_of(page, "omniedit/task_5").inner_text()
    for known in ("kept", "object removal", "0.85", "Add a red balloon, number 5.", "preserved",
                  "240×180 on 1536×1024, box 1365×1024 at 85,0", "12.0% changed", "$0.0531",
                  "gpt-image-2.5-sunburst", "omniedit/task_5"):  # fmt: skip
        assert known in text
    reject = card_of(page, "omniedit/task_2").inner_text()
    for known in ("rejected", "The source image does not decode", "It ends early.", "pad · image_"):
        assert known in reject
    assert "No picture: rejected at pad" in reject
    loaded = card_of(page, "omniedit/task_5").locator("img.source[src]")
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
    assert opened.quoted in page.locator("#detail").inner_text()
    assert page.title() == "spring"


def test_a_text_without_end_is_cut_on_its_card_and_whole_in_the_large_view(opened: Any) -> None:
    page = opened.page
    page.get_by_label("Search").fill("tiny_edit")
    card = page.locator("article")
    assert card.get_attribute("data-id") == "omniedit/task_9"
    assert card.locator("h2").evaluate("h => [h.textContent.length, h.dir]") == [401, "auto"]
    assert "tiny edit, tone drift" in card.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.get_by_label("Enlarge omniedit/task_9", exact=True).click()
    large = page.locator("#detail-title")
    assert large.evaluate("h => h.textContent.length") == len(opened.endless)
    box = page.locator("#detail").bounding_box()
    assert box["y"] >= 0 and box["y"] + box["height"] <= 900


def test_it_filters_by_verdict_reason_family_task_and_words(opened: Any) -> None:
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
    assert count(page) == "130 triplets"
    assert not page.get_by_text("No triplet fits all of this.").is_visible()
    page.get_by_label("Family").select_option("object_removal")
    assert count(page) == "65 of 130 triplets"
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Search").fill("BALLOON number 77. object_removal")
    assert ids(page) == ["omniedit/task_77"]
    page.get_by_label("Search").fill("cut short or damaged")
    assert ids(page) == ["omniedit/task_2"]


def test_the_address_keeps_the_view(opened: Any) -> None:
    page = opened.page
    page.locator("#task").select_option("removal")
    page.get_by_label("Search").fill("number")
    page.locator("#order").select_option("score-high")
    scroll_to(page, 30)
    page.wait_for_url("**/index.html#q=number&task=removal&order=score-high&at=31")
    before = (ids(page), count(page), page.evaluate("scrollY"))
    page.reload()
    page.locator("#reading").wait_for(state="hidden")
    page.locator("article[aria-posinset='31']").wait_for()
    assert (ids(page), count(page), page.evaluate("scrollY")) == before


def test_it_sorts_by_score_and_leaves_those_without_for_the_end(opened: Any) -> None:
    page = opened.page
    page.locator("#order").select_option("score-low")
    scores = [float(text) for text in page.locator("article .score").all_text_contents()]
    assert scores == sorted(scores)
    page.locator("#order").select_option("score-high")
    scores = [float(text) for text in page.locator("article .score").all_text_contents()]
    assert scores == sorted(scores, reverse=True)
    assert len(scores) > 5
    scroll_to(page, 129)
    assert ids(page)[-3:] == ["omniedit/task_2", "omniedit/task_3", "omniedit/task_4"]


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


def test_overlays_are_laid_over_all_pictures(opened: Any) -> None:
    page = opened.page
    first = page.locator("article").first
    assert page.locator(".overlays *").count() == 0
    page.get_by_role("button", name="Changes").click()
    mask = first.locator("img.mask")
    mask.evaluate("image => image.decode()")
    assert mask.is_visible()
    assert "no mask" in card_of(page, "omniedit/task_4").locator(".foot-of-stage").inner_text()
    page.get_by_role("button", name="Grid").click()
    assert first.locator("svg.net path").count() == 2
    assert "farthest corner 1.00%, drawn ×5" in first.inner_text()
    assert "not displaced" in card_of(page, "omniedit/task_3").inner_text()
    page.get_by_role("button", name="Border").click()
    bars = first.locator(".overlays .bar").evaluate_all("all => all.map(b => b.className)")
    assert bars == ["bar left", "bar right"]
    assert "padded: left, right; none of it is left" in first.inner_text()
    found = card_of(page, "omniedit/task_3").locator(".overlays .bar")
    assert found.evaluate_all("all => all.map(b => b.className)") == [
        "bar left",
        "bar right left-over",
    ]
    page.get_by_role("button", name="Scores").click()
    assert first.locator(".parts span").all_inner_texts() == [
        "done 0.90",
        "preserved 0.80",
        "clean 0.70",
    ]
    scroll_to(page, 7)
    unsure = card_of(page, "omniedit/task_7")
    assert "displacement could not be measured" in unsure.inner_text()
    assert unsure.locator("svg.net").count() == 0
    page.get_by_role("button", name="Grid").click()
    assert page.locator("svg.net").count() == 0


def test_pictures_are_compared_side_by_side_and_in_turn(opened: Any) -> None:
    page = opened.page
    card = page.locator("article").first
    source, edited = card.locator("img.source"), card.locator("img.edited")
    assert source.bounding_box() == edited.bounding_box()
    page.get_by_role("button", name="Side by side").click()
    left, right = source.bounding_box(), edited.bounding_box()
    assert left["x"] + left["width"] <= right["x"]
    assert (left["y"], left["width"]) == (right["y"], right["width"])
    assert not card.locator(".slider").is_visible()
    page.keyboard.press("b")
    assert page.get_by_role("button", name="Blink").get_attribute("aria-pressed") == "true"
    for phase in ("source", "edited", "source"):
        page.locator(f"body[data-phase={phase}]").wait_for()
    page.keyboard.press("x")
    still = page.evaluate("document.body.dataset.phase")
    assert edited.evaluate("i => getComputedStyle(i).visibility == 'visible'") == (
        still == "edited"
    )
    page.keyboard.press("x")
    assert page.evaluate("document.body.dataset.phase") != still
    page.keyboard.press("b")
    assert card.locator(".slider").is_visible()


def test_who_wants_no_motion_swaps_by_hand(browser: Any, folder: Path) -> None:
    page = page_of(browser, reduced_motion="reduce")
    page.goto(f"{folder.as_uri()}/index.html")
    page.keyboard.press("b")
    assert page.evaluate("[view.compare, view.still, view.phase]") == ["blink", True, "edited"]
    page.evaluate("tick()")
    assert page.evaluate("view.phase") == "edited"
    page.keyboard.press("x")
    assert page.evaluate("view.phase") == "source"
    page.close()


def test_keys_walk_and_switch_and_are_told(opened: Any) -> None:
    page = opened.page
    for _ in range(3):
        page.keyboard.press("j")
    page.keyboard.press("k")
    assert place(page) == "2"
    for key, name in {"m": "Changes", "g": "Grid", "p": "Border", "s": "Scores"}.items():
        page.keyboard.press(key)
        assert page.get_by_role("button", name=name).get_attribute("aria-pressed") == "true"
    page.keyboard.press("f")
    assert page.evaluate("document.activeElement.name") == "verdict"
    page.keyboard.press("/")
    page.keyboard.type("gj?")
    assert page.get_by_label("Search").input_value() == "gj?"
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    assert count(page) == "130 triplets"
    assert page.get_by_role("button", name="Grid").get_attribute("aria-pressed") == "false"
    page.keyboard.press("?")
    keys = page.locator("#help")
    assert keys.is_visible()
    assert keys.locator("kbd").count() >= 15
    page.keyboard.press("m")
    assert page.get_by_role("button", name="Changes").get_attribute("aria-pressed") == "false"
    keys.get_by_role("checkbox").check()
    page.keyboard.press("?")
    assert not keys.is_visible()
    page.keyboard.press("m")
    assert page.get_by_role("button", name="Changes").get_attribute("aria-pressed") == "false"


def test_the_toolbar_covers_nothing_that_has_the_focus(opened: Any) -> None:
    page = opened.page
    scroll_to(page, 30)
    page.locator("article[aria-posinset='31'] .slider").focus()
    for _ in range(6):
        page.keyboard.press("Shift+Tab")
        top, bar = page.evaluate(
            """[document.activeElement, document.querySelector('.toolbar')].map((node, at) =>
                node.getBoundingClientRect()[at ? 'bottom' : 'top'])"""
        )
        assert top >= bar
    assert page.evaluate("document.activeElement.closest('article').ariaPosInSet") == "28"


def test_an_empty_gallery_says_why(browser: Any, tmp_path: Path) -> None:
    write_gallery(Store.on_disk(tmp_path), "g", [], "nothing")
    page = page_of(browser)
    page.goto((tmp_path / "g/index.html").as_uri())
    assert page.locator("#grid").inner_text() == (
        "There is no triplet to show: none has entered this run."
    )
    page.close()


def test_the_spread_of_the_figures_is_shown(opened: Any) -> None:
    page = opened.page
    assert not page.locator("svg.histogram").first.is_visible()
    page.keyboard.press("h")
    plots = page.locator("svg.histogram")
    assert plots.first.is_visible()
    assert plots.first.get_attribute("aria-label").startswith("Score: 127 values")
    fills = plots.first.locator("rect.kept").first.evaluate("r => getComputedStyle(r).fill")
    assert fills == "rgb(29, 117, 72)"


def test_the_large_view_opens_steps_and_closes_by_keyboard(opened: Any) -> None:
    page = opened.page
    dialog = page.locator("#detail")
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
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("j")
    assert "46 of 130" in dialog.inner_text()
    page.keyboard.press("Escape")
    page.locator("article[aria-posinset='46']:focus").wait_for()


def test_every_control_has_a_name_and_every_picture_a_text(opened: Any) -> None:
    page = opened.page
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select, progress')].filter((node) =>
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
    page = page_of(browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(f"{folder.as_uri()}/index.html")
    edges = page.locator("article").evaluate_all("all => all.map(a => a.getBoundingClientRect().x)")
    assert len(set(edges)) == columns
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 200) == (scheme == "dark")
    page.close()


def test_resizing_keeps_the_place(opened: Any) -> None:
    page = opened.page
    scroll_to(page, 60)
    page.set_viewport_size({"width": 400, "height": 800})
    page.locator("#grid[data-columns='1']").wait_for()
    seen = page.evaluate("cards.firstSeen()")
    assert seen == 60


def test_a_missing_picture_is_said_on_its_card(browser: Any, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "g")
    for picture in tmp_path.glob("g/pictures/*-edited-*"):
        picture.unlink()
    page = page_of(browser)
    page.goto((tmp_path / "g/index.html").as_uri())
    page.locator(".frame.broken").first.wait_for()
    page.close()


@pytest.mark.parametrize("over_http", [False, True], ids=["file", "http"])
def test_a_missing_part_is_said(
    browser: Any, folder: Path, tmp_path: Path, served: Any, over_http: bool
) -> None:
    shutil.copytree(folder, tmp_path / "g")
    part = next(tmp_path.glob("g/rows/*.html"))
    part.unlink()
    with served(tmp_path / "g") as url:
        page = page_of(browser)
        page.goto(f"{url if over_http else (tmp_path / 'g').as_uri()}/index.html")
        lost = page.locator("#lost")
        lost.wait_for()
        assert f"10 triplets are not shown: rows/{part.name} cannot be read" in lost.inner_text()
        assert not page.locator("#reading").is_visible()
        page.close()


def test_a_part_runs_nothing_in_the_page(browser: Any, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "g")
    part = next(tmp_path.glob("g/rows/*.html"))
    part.write_text("<script>parent.document.title='taken';top.location='about:blank'</script>")
    page = page_of(browser)
    page.goto((tmp_path / "g/index.html").as_uri())
    page.locator("#lost").wait_for()
    assert page.title() == "spring"
    assert page.url.startswith("file:")
    page.close()
