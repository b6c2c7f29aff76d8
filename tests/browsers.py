"""A headless Chromium for tests of pages; tests are skipped where there is none."""

import contextlib
import os
import re
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 30_000  # milliseconds for what a busy computer shows late; as `wait_for_selector` has
PHONE = {"width": 390, "height": 844}


@contextlib.contextmanager
def chromium():
    """The Chromium that the machine has; Playwright's own is never downloaded."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no chromium: playwright is absent"
    )
    playwright.expect.set_options(timeout=PATIENCE)
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("no chromium: install it, or set CHROMIUM to its path")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextlib.contextmanager
def tab(browser, *allowed: str, **context):
    """A new tab that must not log an error, but for what is allowed.

    Args:
        browser: what `chromium` gave.
        allowed: parts of messages that do not count.
        context: of Playwright's `new_page`; 1280 by 720 pixels where it says nothing else.
    """
    opened = browser.new_page(**{"viewport": {"width": 1280, "height": 720}} | context)
    wrong = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    yield opened
    opened.close()
    wrong = [text for text in wrong if not any(reason in text for reason in allowed)]
    assert not wrong, wrong


def has_text(page, selector: str, pattern: str) -> None:
    """Waits until a part of the page has a text that a pattern is found in."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_text(re.compile(pattern))
