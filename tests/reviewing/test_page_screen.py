"""What the page shows on a large screen and on a phone, and how pictures are looked at."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.reviewing import queue
from camtrap_tf.reviewing.session import Session
from tests.browsers import PHONE, has_text, tab
from tests.reviewing.conftest import draw_pictures, predictions_of, served

expect = pytest.importorskip("playwright.sync_api", reason="no chromium").expect
LONG = "Otospermophilus_beecheyi_which_is_the_Californian_ground_squirrel_of_the_hills"
NIGHT = (6, 5, 4)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of a review of three events, and its file of answers."""
    folder = tmp_path_factory.mktemp("review")
    predictions = predictions_of([[(0.3, 0.45)], [(0.95, 0.2)], [(0.2, 0.9), (0.8, 0.3)]])
    draw_pictures(predictions, folder / "pictures", (640, 480))
    for file in (folder / "pictures").rglob("*.jpg"):
        Image.new("RGB", (640, 480), NIGHT).save(file, "PNG")
    session = Session(
        predictions, queue.order(predictions), folder / "pictures", folder / "r.jsonl", "kim"
    )
    with served(session) as address:
        yield address, folder / "r.jsonl"


@pytest.fixture
def page(browser, site):
    with tab(browser) as opened:
        yield begin(opened, site)


@pytest.fixture
def phone(browser, site):
    with tab(browser, viewport=PHONE, has_touch=True, is_mobile=True) as opened:
        yield begin(opened, site)


def begin(opened, site):
    opened.goto(site[0])
    opened.wait_for_selector("body[aria-busy=false]")
    expect(opened.locator("#picture")).to_have_js_property("complete", True)
    return opened


def colour(page) -> tuple[int, int, int]:
    """Of the middle of the picture, as it is on the screen."""
    box = page.locator("#view").bounding_box()
    clip = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    shot = page.screenshot(clip=clip | {"width": 4, "height": 4})
    return Image.open(io.BytesIO(shot)).convert("RGB").getpixel((1, 1))


def test_more_light_keeps_the_colours_of_the_night(page):
    shown = [colour(page)]
    for _ in range(2):
        page.keyboard.press("l")
        shown.append(colour(page))
    # A gamma of 0.6 and of 0.4 of what the file says: 255 (6 / 255)^0.6 = 27, ...
    expected = [np.round(255 * (np.array(NIGHT) / 255) ** gamma) for gamma in (1, 0.6, 0.4)]
    assert np.abs(np.array(shown) - expected).max() <= 1


@pytest.mark.parametrize("screen", ["page", "phone"])
def test_a_long_name_leaves_the_buttons_in_the_card(screen, request):
    page = request.getfixturevalue(screen)
    page.fill("#search", LONG)
    page.keyboard.press("Enter")
    card = page.locator(".sighting").bounding_box()
    width = page.viewport_size["width"]
    assert card["x"] >= 0 and card["x"] + card["width"] <= width
    buttons = page.locator(".sighting .top button").all()
    assert len(buttons) == 4
    for button in buttons:
        box = button.bounding_box()
        assert card["x"] <= box["x"] and box["x"] + box["width"] <= card["x"] + card["width"]


def test_many_events_leave_the_buttons_on_a_phone(browser, site):
    with tab(browser, viewport=PHONE, has_touch=True, is_mobile=True) as page:

        def many(route):
            told = route.fetch().json()
            route.fulfill(json=told | {"done": 12_345, "total": 20_000, "seconds_left": 9e4})

        page.route("**/api/session", many)
        begin(page, site)
        assert page.inner_text("#told") == "12,345 of 20,000 events · about 25 h left"
        for part in ("#undo", "#results", "#help", "#told", "#save", "#empty", "#unsure"):
            box = page.locator(part).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], part
            assert box["y"] >= 0 and box["y"] + box["height"] <= PHONE["height"], part
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_a_number_chooses_empty_as_it_chooses_any_other_name(page, site):
    guess = page.locator("#guesses [data-name=empty]")
    page.keyboard.press(guess.locator("kbd").inner_text())
    assert guess.get_attribute("aria-pressed") == "true"
    assert "empty: no animal" in page.inner_text("#chosen") and not site[1].exists()
    page.click("#guesses [data-name=lion]")  # an event is empty, or it is not
    assert guess.get_attribute("aria-pressed") == "false"
    guess.click()
    page.keyboard.press("Enter")
    has_text(page, "#told", "^1 of 3")
    [line] = site[1].read_text().splitlines()
    assert (json.loads(line)["verdict"], json.loads(line)["sightings"]) == ("empty", [])
    page.keyboard.press("d")  # the same again
    assert "empty: no animal" in page.inner_text("#chosen")
    page.keyboard.press("Backspace")
    has_text(page, "#told", "^0 of 3")
    assert "empty: no animal" in page.inner_text("#chosen")
    site[1].unlink()


def box_of(page) -> dict:
    """Where the whole picture's layer is, in pixels of the page."""
    return page.locator("#layer").bounding_box()


def test_the_wheel_zooms_where_it_points_and_dragging_moves(page):
    view = box_of(page)
    x, y = view["x"] + view["width"] / 4, view["y"] + view["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -500)  # exp(1) times as large
    page.wait_for_selector("#view.zoomed")
    large = box_of(page)
    assert large["width"] == pytest.approx(np.e * view["width"], rel=0.01)
    # What was under the pointer, a quarter of the picture from its left, is there still.
    assert (x - large["x"]) / large["width"] == pytest.approx(1 / 4, abs=0.01)
    assert (y - large["y"]) / large["height"] == pytest.approx(1 / 2, abs=0.01)
    page.mouse.down()
    page.mouse.move(x + 40, y - 30)
    page.mouse.up()
    moved = box_of(page)
    assert (moved["x"] - large["x"], moved["y"] - large["y"]) == pytest.approx((40, -30), abs=1)
    page.mouse.down()
    page.mouse.move(x + 5000, y)
    page.mouse.up()
    assert box_of(page)["x"] == pytest.approx(view["x"], abs=1)  # no further than its edge
    page.mouse.move(x, y)
    page.mouse.wheel(0, 5000)
    page.wait_for_selector("#view:not(.zoomed)")
    assert box_of(page) == pytest.approx(view, abs=1)


def test_the_key_zooms_in_steps(page):
    whole = box_of(page)["width"]
    found = []
    for _ in range(3):
        page.keyboard.press("z")
        found.append(box_of(page)["width"] / whole)
    assert found == pytest.approx([2.5, 6, 1], rel=0.01)
    page.keyboard.press("z")
    before = box_of(page)["x"]
    page.keyboard.press("Shift+ArrowRight")
    assert box_of(page)["x"] < before
    page.keyboard.press("PageDown")  # another event is seen whole
    page.wait_for_selector("#view:not(.zoomed)")
