"""The page in a real browser, by keyboard; skipped where there is no Chromium."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers import boxes
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import parquet
from camtrap_tf.core.boxes import COLUMNS
from camtrap_tf.core.labels import BINARY
from camtrap_tf.reviewing import answers
from tests.browsers import has_text, tab
from tests.reviewing.conftest import draw_pictures, predictions_of

sync_api = pytest.importorskip("playwright.sync_api", reason="no chromium: playwright is absent")
EVENTS = 120


@pytest.fixture
def page(browser):
    """A tab that must not log an error, but for requests that a dead server cannot answer."""
    with tab(browser, "ERR_CONNECTION") as opened:
        yield opened


@pytest.fixture
def page_of_a_killed_server(browser):
    """A tab that may also log that it was given half an answer."""
    with tab(browser, "ERR_CONNECTION", "ERR_CONTENT_LENGTH_MISMATCH") as opened:
        yield opened


@pytest.fixture
def results(tmp_path) -> Path:
    rng = np.random.default_rng(3)
    predictions = predictions_of([[pair, pair] for pair in rng.uniform(0.05, 0.95, (EVENTS, 2))])
    draw_pictures(predictions, tmp_path / "pictures")
    predictions.write(tmp_path / "answers" / "predictions.parquet")
    return tmp_path / "answers"


def wait_for(page, done: int) -> None:
    sync_api.expect(page.locator("#told")).to_have_text(re.compile(rf"^{done} of "))
    sync_api.expect(page.locator("body")).to_have_attribute("aria-busy", "false")


# What is typed for each kind of answer, and what must then be in the file.
WAYS = [
    (["Digit0"], ("empty", [])),
    (["n"], ("unsure", [])),
    (["Space", "l", "i", "Enter", "Enter"], ("animal", [("lion", None, {})])),
    (
        ["/", "h", "a", "r", "Enter", "Shift+Digit2", "m", "Enter"],
        ("animal", [("hare", "2", {"moving": True, "babies": False})]),
    ),
    (
        ["Space", "h", "a", "Enter", "+", "Space", "l", "i", "Enter", "+", "+", "+", "x", "Enter"],
        ("animal", [("hare", "1", {}), ("lion", "3+", {"moving": False, "babies": False})]),
    ),
]  # fmt: skip


@pytest.mark.slow
def test_a_hundred_answers_by_keyboard_survive_reload_and_kill(
    page_of_a_killed_server, results, serving
):
    page = page_of_a_killed_server
    pictures, expected = results.parent / "pictures", []
    port, position = 0, 0

    def answer(until: int) -> None:
        while len(expected) < until:
            keys, said = WAYS[len(expected) % len(WAYS)]
            for key in keys:
                page.keyboard.press(key)
            expected.append(said)

    for kill_after in (30, 60, 100):  # killed twice in between
        with serving(results, pictures, f"--port={port}") as (process, port):
            if position:
                # The page that was open sends what it could not while nobody answered.
                wait_for(page, position)
            else:
                page.goto(f"http://127.0.0.1:{port}/")
                wait_for(page, 0)
            answer(kill_after - 10)
            wait_for(page, len(expected))
            page.reload()
            wait_for(page, len(expected))
            answer(kill_after)
            wait_for(page, kill_after)
            process.kill()
            process.wait()
        position = kill_after
        if kill_after < 100:
            page.keyboard.press("0")  # nobody is there to take it
            expected.append(("empty", []))
            page.wait_for_selector("#warning:not([hidden])")
            position += 1
    lines = [json.loads(line) for line in (results / "reviews.jsonl").read_text().splitlines()]
    found = [
        (
            line["verdict"],
            [(s["species"], s["count"], s["attributes"]) for s in line["sightings"]],
        )
        for line in lines
    ]
    assert found == expected and len(found) == 100
    assert len({line["event_id"] for line in lines}) == 100
    standing = answers.read(results / "reviews.jsonl")
    assert [answer.verdict.value for answer in standing] == [verdict for verdict, _ in expected]


def test_what_keys_and_buttons_do(page, results, serving):
    with serving(results, results.parent / "pictures") as (_, port):
        page.goto(f"http://127.0.0.1:{port}/")
        wait_for(page, 0)
        first = page.get_attribute("#view", "aria-label")
        assert first.startswith("picture 1 of 2")
        page.keyboard.press("ArrowRight")
        assert page.get_attribute("#view", "aria-label").startswith("picture 2 of 2")
        for key, button in (("z", "zoom"), ("l", "light"), ("p", "play")):
            page.keyboard.press(key)
            assert page.get_attribute(f"#{button}", "aria-pressed") == "true"
        page.keyboard.press("p")
        # Guesses by number: chosen, marked, taken back.
        species = page.locator("#guesses button:not([data-name=empty])").first
        number = species.locator("kbd").inner_text()
        page.keyboard.press(number)
        assert species.get_attribute("aria-pressed") == "true"
        page.keyboard.press(number)
        assert page.inner_text("#chosen") == "Nothing chosen yet."
        page.keyboard.press("Enter")
        assert "Choose a species" in page.inner_text("#said")
        # A species that the model does not know, by mouse and keyboard together.
        page.click("#search")
        page.keyboard.type("giant otter")
        page.keyboard.press("Enter")
        page.click("text=Save")
        wait_for(page, 1)
        page.keyboard.press("n")
        wait_for(page, 2)
        for done in (1, 0):
            page.keyboard.press("Backspace")
            wait_for(page, done)
        assert "giant otter" in page.inner_text("#chosen")  # what was taken back can be mended
        page.keyboard.press("Backspace")
        has_text(page, "#said", "nothing to undo")
        page.keyboard.press("PageDown")
        wait_for(page, 0)
        assert page.get_attribute("body", "data-place") == "1"
        page.keyboard.press("?")
        assert page.is_visible("#help-box")
        page.keyboard.press("0")  # a dialog is open: not an answer
        page.keyboard.press("Escape")
        assert page.inner_text("#told").startswith("0 of 120 events")
        page.keyboard.press("g")
        page.wait_for_selector("#results-box[open]")
        assert "drawn at random" in page.inner_text("#results-body")


def test_a_picture_that_cannot_be_shown_says_so(browser, results, serving):
    pictures = results.parent / "pictures"
    for file in pictures.rglob("0.jpg"):
        file.write_bytes(b"no picture at all")
    page = browser.new_page()
    with serving(results, pictures) as (_, port):
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("#unshown:not([hidden])")
        assert "cannot be shown" in page.inner_text("#unshown")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#picture:not([hidden])")
        assert page.is_hidden("#unshown")
    page.close()


def test_boxes_are_drawn_with_names_where_there_are_several(page, serving, tmp_path):
    predictions = predictions_of([[(0.1, 0.1), (0.1, 0.1)]])
    draw_pictures(predictions, tmp_path / "pictures")
    predictions.write(tmp_path / "answers" / "predictions.parquet")
    sides = {"e0/0.jpg": [[0, 0.25, 0.5, 0.5], [0.5, 0, 0.25, 1]], "e0/1.jpg": [[0, 0, 1, 1]]}
    rows = [(path, 0.9, *own, "") for path, some in sides.items() for own in some]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    own = np.float32([[0.9, 0.1], [0.1, 0.9], [np.nan] * 2])
    stored = boxes.table(table, own, ("hare", "lion"))
    stored = parquet.stamped(stored, boxes.stamp(("hare", "lion"), 0.2))
    parquet.write(stored, tmp_path / "answers" / "boxes.parquet")
    found, expect = page.locator("#drawn div"), sync_api.expect
    with serving(tmp_path / "answers", tmp_path / "pictures") as (_, port):
        page.goto(f"http://127.0.0.1:{port}/")
        expect(found).to_have_count(2)
        assert found.all_inner_texts() == ["hare", "lion"]
        places = [one.bounding_box() for one in found.all()]
        assert places[1]["height"] == pytest.approx(2 * places[0]["height"], abs=8)
        assert places[1]["x"] == pytest.approx(places[0]["x"] + places[0]["width"], abs=8)
        page.keyboard.press("b")
        expect(found).to_have_count(0)
        page.click("#boxes")
        expect(found).to_have_count(2)
        page.keyboard.press("ArrowRight")
        expect(found).to_have_count(1)
        assert found.all_inner_texts() == [""]


@pytest.mark.parametrize("size", [(1440, 900), (1200, 800), (1366, 660), (1024, 640)])
def test_everything_is_on_the_screen(page, results, serving, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    with serving(results, results.parent / "pictures") as (_, port):
        page.goto(f"http://127.0.0.1:{port}/")
        wait_for(page, 0)
        page.keyboard.type(" li\n")
        for part in ("#picture", "#guesses", "#search", "#chosen", "#save", "#unsure", "#light"):
            box = page.locator(part).bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= size[0], part
            assert box["y"] >= 0 and box["y"] + box["height"] <= size[1], part
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        unnamed = page.evaluate(
            "[...document.querySelectorAll('button, input')].filter(one => "
            "one.offsetParent && !(one.innerText.trim() || one.getAttribute('aria-label') "
            "|| one.labels?.length)).length"
        )
        assert unnamed == 0


def test_a_further_question_is_a_list_of_its_classes(page, results, serving):
    predictions = Predictions.read(results / "predictions.parquet")
    classes = predictions.classes | {"sex": ("male", "female", "not_told"), "collar": BINARY}
    probabilities = predictions.probabilities | {
        "sex": np.full((len(predictions), 3), 1 / 3, np.float32),
        "collar": np.full((len(predictions), 2), 0.5, np.float32),
    }
    asked = dataclasses.replace(predictions, classes=classes, probabilities=probabilities)
    asked.write(results / "predictions.parquet")
    with serving(results, results.parent / "pictures") as (_, port):
        page.goto(f"http://127.0.0.1:{port}/")
        wait_for(page, 0)
        page.keyboard.type(" li\n")
        sex = page.get_by_label("lion: sex", exact=True)
        assert sex.locator("option").all_inner_texts() == ["–", "male", "female", "not told"]
        sex.select_option("female")
        page.keyboard.press("c")  # the first letter that no other behaviour has: the collar
        box = page.locator("#chosen .choice").bounding_box()
        assert box["y"] + box["height"] <= 720
        page.keyboard.press("Enter")
        wait_for(page, 1)
        page.keyboard.press("Backspace")
        wait_for(page, 0)
        assert page.get_by_label("lion: sex", exact=True).input_value() == "female"
        page.get_by_label("lion: sex", exact=True).select_option("–")
        page.keyboard.press("Enter")
        wait_for(page, 1)
    lines = [json.loads(line) for line in (results / "reviews.jsonl").read_text().splitlines()]
    told = [line["sightings"][0] for line in lines if line.get("sightings")]
    assert [one.get("choices", {}) for one in told] == [{"sex": "female"}, {}]
    assert told[0]["attributes"]["collar"] is True
