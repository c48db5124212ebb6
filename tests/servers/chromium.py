"""The browser that tests drive: Chromium without a window."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 180_000
"""For what a busy machine shows at its own pace."""


def page_of(browser: Any, **how: Any) -> Any:
    """A page of a browser, on which is waited patiently."""
    page = browser.new_page(**how)
    page.set_default_timeout(PATIENCE_MS)
    return page


@contextmanager
def launched() -> Iterator[Any]:
    """A browser of Playwright's; without Chromium the test is skipped, and fails in CI."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        path = found or driver.chromium.executable_path
        if not Path(path).exists():
            if os.environ.get("CI"):
                pytest.fail("No Chromium is installed, and CI must not skip this.")
            pytest.skip("No Chromium is installed: apt-get install chromium.")
        made = driver.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE_MS)
        yield made
        made.close()
