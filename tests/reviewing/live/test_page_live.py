"""The page of a review that learns, in a real browser."""

import contextlib
import json

import pytest
from PIL import Image

from tests.browsers import PHONE, has_text, tab
from tests.reviewing.conftest import served
from tests.reviewing.live.conftest import DrawnSource, drawn_chunk, say, truth

expect = pytest.importorskip("playwright.sync_api", reason="no chromium").expect
INSIDE = """() => [...document.querySelectorAll('#tiles .part')].every((part) => {
  const [room, box] = [part, part.querySelector('i')].map((one) => one.getBoundingClientRect());
  return box.width > 0 && box.left >= room.left - 1 && box.right <= room.right + 1;
})"""


@contextlib.contextmanager
def at_work(browser, session, *allowed, **context):
    """A page of a session whose pictures are drawn, and that learns by itself."""
    (session.images / "s").mkdir()
    for path in drawn_chunk(0, 120).ids["path"]:
        Image.new("RGB", (64, 48), (int(path[2:7]), 90, 90)).save(session.images / path)
    session.start()
    try:
        with served(session) as address, tab(browser, *allowed, **context) as page:
            page.goto(address)
            page.wait_for_selector("body[aria-busy=false]")
            yield page
    finally:
        session.stop()


def answered(session, events: int) -> None:
    """Answers so many questions by the truth, without the page."""
    for _ in range(events):
        say(session, session.next(1)["questions"][0])
        session.learn()


def lines_of(session) -> list[dict]:
    text = (session.folder / "reviews.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_questions_are_answered_and_typing_goes_on_while_it_learns(browser, make_live):
    session = make_live(60)
    with at_work(browser, session) as page:
        for number in range(3):
            event = page.get_attribute("#view", "aria-label").split(": ")[1]
            name = truth(int(event.split("_")[0]))
            page.keyboard.press("Space")
            page.keyboard.type(name)
            page.keyboard.press("Enter")
            if number == 2:
                page.keyboard.press("f")
                page.wait_for_selector("#favourite[aria-pressed=true]")
            page.keyboard.press("Enter")
            has_text(page, "#told", f"^{number + 1} of 60")
            page.wait_for_selector("body[aria-busy=false]")
        first = page.get_attribute("body", "data-place")
        page.keyboard.press("Space")
        page.keyboard.type("de")
        # Somebody else answers, so that the model changes while a name is being typed.
        other = next(one for one in session.next(3)["questions"] if str(one["place"]) != first)
        say(session, other, id="another")
        has_text(page, "#accuracy", "^It has learnt from 4 answers.")
        assert page.input_value("#search") == "de"
        assert page.evaluate("document.activeElement.id") == "search"
        assert page.get_attribute("body", "data-place") == first
    given = [line for line in lines_of(session) if line["act"] == "answer"]
    assert all(line["asked"]["why"] for line in given)
    marks = [line for line in lines_of(session) if line["act"] == "mark"]
    assert [(mark["event_id"], mark["favourite"]) for mark in marks] == [
        (given[2]["event_id"], True)
    ]


def test_a_blind_question_tells_nothing(browser, make_live):
    session = make_live(60)
    answered(session, 12)
    due = {str(place) for place in session.due()}
    with at_work(browser, session) as page:
        while not page.locator("#reasons:has-text('a random check')").count():
            before = page.get_attribute("body", "data-place")
            page.keyboard.press("PageDown")
            expect(page.locator("body")).not_to_have_attribute("data-place", before)
            page.wait_for_selector("body[aria-busy=false]")
        assert page.get_attribute("body", "data-place") in due
        assert page.locator("#guesses li").count() == 0 and page.is_hidden("#guesses-head")
        assert page.locator("#reasons li").count() == 1


@pytest.mark.parametrize("screen", [{"width": 1280, "height": 480}, PHONE])
def test_a_wall_is_seen_before_it_is_accepted_and_undone_at_once(browser, make_live, screen):
    session = make_live(120)
    answered(session, 16)
    with at_work(browser, session, viewport=screen) as page:
        page.keyboard.press("w")
        page.wait_for_selector("#wall-list button")
        page.keyboard.press("1")
        page.wait_for_selector("#tiles button")
        page.wait_for_selector("body[aria-busy=false]")
        name = page.input_value("#wall-name")
        tiles = page.locator("#tiles button")
        number = tiles.count()
        assert 10 < number <= 40
        box = page.locator("#accept").bounding_box()
        assert box["y"] + box["height"] <= screen["height"]
        assert box["x"] + box["width"] <= screen["width"]
        page.keyboard.press("x")  # the first tile does not belong
        assert tiles.first.get_attribute("aria-pressed") == "true"
        page.keyboard.press("Space")
        assert tiles.first.get_attribute("aria-pressed") == "false"
        page.keyboard.press("x")
        gone = tiles.first.get_attribute("data-event")
        presses = 0
        while "to be seen" in page.inner_text("#accept"):
            assert page.locator("#told").inner_text().startswith("16 of 120")
            page.keyboard.press("Enter")
            page.wait_for_timeout(150)
            presses += 1
        assert presses > 0  # one screen does not hold them all
        assert page.inner_text("#accept").startswith(f"Accept {number - 1} as {name}")
        page.keyboard.press("Enter")
        done = 16 + number - 1
        has_text(page, "#told", f"^{done} of 120")
        [line] = [line for line in lines_of(session) if line["act"] == "wall"]
        assert len(line["events"]) == number - 1 and line["left"] == [gone]
        assert not {*line["events"]} & {*line["left"]}
        page.wait_for_selector("body[aria-busy=false]")
        assert page.locator(f"#tiles [data-event='{gone}']:visible").count() == 0
        page.keyboard.press("Backspace")
        has_text(page, "#told", "^16 of 120")
    assert len({answer.event_id for answer in session._ledger.standing()}) == 16


def test_a_wall_that_is_done_leads_back_to_the_others(browser, make_live):
    session = make_live(60)
    answered(session, 16)
    with at_work(browser, session) as page:
        page.keyboard.press("w")
        walls = page.locator("#wall-list button")
        page.wait_for_selector("#wall-list button")
        page.keyboard.press("1")
        page.wait_for_selector("#tiles button")
        page.set_viewport_size(PHONE)  # what was found stays in its tile
        page.wait_for_function(INSIDE)
        number = page.locator("#tiles button").count()
        assert number == sum(one["sure"] for one in session.walls()["walls"][:1]) <= 40
        page.keyboard.press("Enter")  # at once: nobody can have seen them
        assert page.inner_text("#told").startswith("16 of 60")
        while page.get_attribute("body", "data-view") == "wall":
            page.keyboard.press("Enter")
            page.wait_for_timeout(150)
        has_text(page, "#walls .said", f"^Accepted {number} events as")
        has_text(page, "#told", f"^{16 + number} of 60")
        assert walls.count() > 0 and page.is_hidden("#warning")


def test_events_are_looked_up(browser, make_live):
    session = make_live(60)
    answered(session, 8)
    with at_work(browser, session) as page:
        page.keyboard.press("o")
        page.wait_for_selector("#rows button")
        assert page.inner_text("#found") == "60 events."
        page.select_option("[name=by]", "people")
        has_text(page, "#found", "^8 events.$")
        page.click("text=Clear")
        has_text(page, "#found", "^60 events.$")
        page.fill("[name=text]", "e00017")
        has_text(page, "#found", "^1 event.$")
        page.click("#rows button")
        page.wait_for_selector("[data-view=question]")
        assert "s/00017" in session.shelf.events[17].frames[0].path
        assert page.get_attribute("body", "data-place") == "17"
        page.keyboard.press("t")
        page.keyboard.type("two collars")
        page.keyboard.press("Enter")
        has_text(page, "#said", "saved")
    assert session.events([17])[0]["note"] == "two collars"


def test_work_begins_when_enough_is_prepared(browser, make_live):
    source = DrawnSource()
    session = make_live(source=source)
    with at_work(browser, session) as page:
        assert "0 of 400 pictures looked through" in page.inner_text("#waiting")
        source.give(drawn_chunk(0, 60))
        page.wait_for_selector("[data-view=question]")
        has_text(page, "#told", "of 60")
        assert "120 of 400 pictures looked through" in page.inner_text("#preparing")
        source.give(last=True)
        page.wait_for_selector("#preparing", state="hidden")
