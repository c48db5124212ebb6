"""Ten thousand triplets in a real browser: what it holds and asks for stays bounded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

MOST_NODES = 2_000
MOST_CARDS = 24
PARTS = 20


@pytest.fixture
def opened(browser: Any, large: Path, watched: Any) -> Iterator[Any]:
    with watched(browser, large.as_uri()) as made:
        yield made


@pytest.fixture
def over_http(browser: Any, large: Path, served: Any, watched: Any) -> Iterator[Any]:
    with served(large) as url, watched(browser, url) as made:
        yield made


def nodes(page: Any) -> int:
    found: int = page.evaluate("document.querySelectorAll('*').length")
    return found


def last_shown(page: Any) -> str:
    found: str = page.locator("article").last.get_attribute("data-id")
    return found


def pictures(opened: Any) -> int:
    return sum("/pictures/" in url for url in opened.requests)


def check_first_window(opened: Any) -> None:
    """It holds and has asked for what a window shows, and the rows."""
    page = opened.page
    assert page.locator("#count").inner_text() == "10,000 triplets"
    assert page.evaluate("entries.length") == 10_000
    assert nodes(page) < MOST_NODES
    assert page.locator("article").count() <= MOST_CARDS
    assert sum("/rows/" in url for url in opened.requests) == PARTS
    assert len(opened.requests) <= 1 + PARTS + 2 * MOST_CARDS
    assert page.locator("iframe").count() == 0


def test_the_first_window_asks_for_its_own_pictures_alone(opened: Any) -> None:
    check_first_window(opened)


def test_it_is_the_same_over_http(over_http: Any) -> None:
    check_first_window(over_http)
    over_http.page.keyboard.press("End")
    last = over_http.page.locator("article[data-id='many/9999'] img.edited[src]")
    last.evaluate("image => image.decode()")
    assert pictures(over_http) <= 4 * MOST_CARDS


def test_the_page_scrolls_to_its_end_and_back(opened: Any) -> None:
    page = opened.page
    page.locator("article img.source[src]").first.evaluate("image => image.decode()")
    before = pictures(opened)
    page.keyboard.press("End")
    page.locator("article[data-id='many/9999']").wait_for()
    assert page.locator("article[data-id='many/9999']").get_attribute("aria-setsize") == "10000"
    edited = page.locator("article[data-id='many/9999'] img.edited[src]")
    edited.evaluate("image => image.decode()")
    assert page.locator("article").count() <= MOST_CARDS
    assert nodes(page) < MOST_NODES
    assert pictures(opened) - before <= 2 * MOST_CARDS
    page.keyboard.press("Home")
    page.locator("article[data-id='many/0']").wait_for()
    assert page.locator("article").count() <= MOST_CARDS


def test_scrolling_through_leaves_nothing_behind(opened: Any) -> None:
    page = opened.page
    page.mouse.move(600, 600)
    for _ in range(20):
        page.mouse.wheel(0, 60_000)
    page.wait_for_url("**#at=*")
    page.locator("article").first.wait_for()
    assert page.locator("article").count() <= MOST_CARDS
    assert nodes(page) < MOST_NODES
    assert pictures(opened) <= 6 * MOST_CARDS


def test_search_reaches_all_of_them(opened: Any) -> None:
    page = opened.page
    page.get_by_label("Search").fill("number 9877.")
    assert page.locator("#count").inner_text() == "1 of 10,000 triplets"
    assert last_shown(page) == "many/9877"
    page.get_by_label("Search").fill("no_edit")
    assert page.locator("#count").inner_text() == "3,333 of 10,000 triplets"
    page.get_by_label("Search").fill("")
    page.locator("#order").select_option("score-high")
    assert page.locator("article").count() <= MOST_CARDS
    assert nodes(page) < MOST_NODES


def test_the_keyboard_walks_on_where_nothing_was_drawn(opened: Any) -> None:
    page = opened.page
    for _ in range(50):
        page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.id") == "many/49"
    focused = page.evaluate(
        """() => { const box = document.activeElement.getBoundingClientRect();
        return box.top >= document.querySelector('.toolbar').getBoundingClientRect().bottom
            && box.top < innerHeight; }"""
    )
    assert focused
    assert page.locator("article").count() <= MOST_CARDS
    page.mouse.move(600, 600)
    page.mouse.wheel(0, 900_000)
    page.locator("article[data-id='many/49']").wait_for()
    assert page.evaluate("document.activeElement.dataset.id") == "many/49"
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.id") == "many/50"


def test_an_address_leads_to_a_place_far_below(browser: Any, large: Path, watched: Any) -> None:
    with watched(browser, large.as_uri(), "#at=7001") as made:
        made.page.locator("article[data-id='many/7000']").wait_for()
        assert made.page.locator("article").count() <= MOST_CARDS
