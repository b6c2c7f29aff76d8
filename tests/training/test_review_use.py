"""A review from nothing in real use: the program itself, a browser, and kills in between."""

import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image

from camtrap_tf import outputs
from camtrap_tf.events import listing
from camtrap_tf.prediction import descriptions
from camtrap_tf.reviewing import answers
from camtrap_tf.reviewing.journal import Journal, Ledger
from camtrap_tf.training import review_finish
from camtrap_tf.training.review_work import Work
from tests import described
from tests.browsers import has_text, tab

# The program, but that it asks for no weights: what it needs of the pictures is described.
DRAWN = """
import logging, sys
logging.basicConfig(level=logging.INFO)
from camtrap_tf.training import review_pictures
review_pictures.require_weights = lambda: None
review_pictures.review_pictures(sys.argv[1], reviewer="kim", port=int(sys.argv[2]))
"""
NAMES = ("empty", "fox", "hare")
WIDTH = 8
# A server that was killed is a request that failed, which browsers log as an error: one that came
# later, or one that was being answered.
KILLED = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")


@contextlib.contextmanager
def started(command: list[str], log: Path, patience: float = 60) -> Iterator[tuple]:
    """Runs a review; yields the process and its port; killed (SIGKILL) at the end."""
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, *command], stderr=file, stdout=file)
    try:
        end = time.monotonic() + patience
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text())):
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait()


def asked(port: int, path: str) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=30) as reply:
        return json.load(reply)


def settled(port: int, answers: int) -> tuple[dict, list, dict | None]:
    """Model, next questions and accuracy, once all has been learnt and looked at."""
    for _ in range(300):
        state = asked(port, "state")
        ready = state["preparing"]["state"] == "done" and state["model"]["number"] == answers
        if ready and not state["model"]["pending"]:
            time.sleep(1.5)  # the accuracy is looked at once a second
            state = asked(port, "state")
            return state["model"], asked(port, "next?count=4")["questions"], state["accuracy"]
        time.sleep(0.1)
    raise AssertionError(state)


def shown(page) -> str:
    """Name of the first picture of the event on the screen."""
    return page.locator("#strip button").first.get_attribute("title")


def answer(page, name: str) -> None:
    """Answers the event on the screen by keyboard, as typed by somebody who knows the name."""
    before = page.get_attribute("body", "data-place")
    if name == "empty":
        page.keyboard.press("0")
    else:
        page.keyboard.press("Space")
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
    page.wait_for_function(
        "place => document.body.dataset.place !== place || document.body.dataset.view != 'question'"
        " || !document.querySelector('#warning').hidden",
        arg=before,
    )


def accept_wall(page, truth_of) -> tuple[str, int]:
    """Goes through the first wall and clicks away what does not belong.

    Returns:
        Its name, and how many events stay.
    """
    page.keyboard.press("w")
    page.wait_for_selector("#wall-list button:enabled")
    page.keyboard.press("1")
    page.wait_for_selector("#tiles button")
    name = page.input_value("#wall-name").replace(" ", "_")
    tiles = page.locator("#tiles button")
    titles = [tiles.nth(n).get_attribute("title").split("\n")[0] for n in range(tiles.count())]
    for number, title in enumerate(titles):
        if truth_of(title) != name:
            tiles.nth(number).click()
    stay = sum(truth_of(title) == name for title in titles)
    for _ in range(200):
        text = page.inner_text("#accept") if page.is_visible("#accept") else ""
        page.keyboard.press("Enter")
        page.wait_for_timeout(200)
        if text.startswith("Accept"):
            break
    page.wait_for_selector("body[aria-busy=false]")
    return name, stay


def stamped(source: Path, target: Path, when: str) -> None:
    """Copies a picture, with its time in the header."""
    times = Image.Exif()
    header = times.get_ifd(ExifTags.IFD.Exif)
    header[ExifTags.Base.DateTimeOriginal] = when.replace("-", ":")
    with Image.open(source) as picture:
        picture.save(target, quality=95, exif=times)


def as_given(journal: Path, table: pd.DataFrame) -> dict[str, str]:
    """What a table of pictures says of each event; the journal's answers are in it as given."""
    names = table.groupby("event_id")["answer"].agg(set)
    said = {one.event_id: one.said for one in answers.read(journal)}
    for event_id, given in said.items():
        if given:
            assert names[event_id] == set(given), event_id
    return {event_id: next(iter(found)) for event_id, found in names.items()}


@pytest.fixture
def drawn(tmp_path) -> Path:
    """Sixty pictures of three kinds; what a detector and a network would see is written down."""
    pictures = tmp_path / "cards"
    pictures.mkdir()
    for number in range(60):
        colour = [(90, 90, 90), (200, 90, 30), (60, 60, 200)][number % 3]
        Image.new("RGB", (64, 48), colour).save(pictures / f"{number:03d}.jpg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descriptions, "require_weights", lambda network: None)
        job = descriptions.open_job(listing.resolve([pictures]), tmp_path / "cards_review/prepared")
    described.write_all(job, lambda path: int(path[:3]) % 3, np.eye(WIDTH))
    return pictures


@pytest.mark.slow
def test_kills_lose_nothing_and_every_answer_is_exported(browser, drawn, tmp_path):
    def truth(name: str) -> str:
        return NAMES[int(name[:3]) % 3]

    journal = tmp_path / "cards_review" / "reviews.jsonl"
    command = ["-c", DRAWN, str(drawn)]
    with tab(browser, *KILLED) as page:
        with started([*command, "0"], tmp_path / "1.log") as (process, port):
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("[data-view=question]")
            for number in range(12):
                answer(page, truth(shown(page)))
                has_text(page, "#told", f"^{number + 1} of 60")
            before = settled(port, 12)
            process.kill()
        with started([*command, str(port)], tmp_path / "2.log") as (process, _):
            assert settled(port, 12) == before
            process.kill()
            process.wait()
            page.wait_for_selector("body[aria-busy=false]")
            answer(page, truth(shown(page)))
            has_text(page, "#warning", "Start camtrap review again")
        with started([*command, str(port)], tmp_path / "3.log") as (process, _):
            has_text(page, "#told", "^13 of 60")  # the page goes on by itself
            assert page.is_hidden("#warning")
            settled(port, 13)
            name, stay = accept_wall(page, truth)
            has_text(page, "#told", f"^{13 + stay} of 60")
            state = asked(port, "state")
            assert state["bulk"] == stay > 3 and name in NAMES
    lines = Journal(journal).lines()
    assert [line["act"] for line in lines] == ["answer"] * 13 + ["wall"]
    assert len({line["id"] for line in lines}) == 14
    work = Work.read(tmp_path / "cards_review" / "prepared", Ledger(lines))
    merged = answers.merge(review_finish.predictions_of(work), answers.read(journal))
    outputs.write(merged, tmp_path / "tables", ["csv"])
    table = pd.read_csv(tmp_path / "tables" / "predictions.csv", keep_default_na=False)
    named = as_given(journal, table)
    assert named == {event_id: truth(event_id) for event_id in named} and len(named) == 60
    by = table["reviewed_by"].value_counts()
    assert by["kim"] == 13 and by["kim (in bulk)"] == stay


@pytest.fixture
def california(shared_data, tmp_path) -> dict[str, str]:
    """Sixty real pictures with their times, twelve events of five; by file what is to be seen."""
    told = json.loads((shared_data / "california" / "california.json").read_text())
    names = {one["id"]: one["name"] for one in told["categories"]}
    label = {one["image_id"]: names[one["category_id"]] for one in told["annotations"]}
    events: dict[str, list[dict]] = {}
    for one in told["images"]:
        events.setdefault(one["seq_id"], []).append(one)
    whole = {name: {label[one["id"]] for one in own} for name, own in events.items()}
    (tmp_path / "cards").mkdir()
    found = {}
    for wanted in ("cow", "elk", "empty"):
        own = [n for n in sorted(events) if whole[n] == {wanted} and len(events[n]) == 5]
        own = own[:: len(own) // 4][:4]  # far apart: neighbours would be one event
        for one in [one for name in own for one in events[name]]:
            file = Path(one["file_name"]).name
            source = shared_data / "california" / one["file_name"]
            stamped(source, tmp_path / "cards" / file, one["datetime"])
            found[file] = wanted
    return found


@pytest.mark.slow
def test_from_real_pictures_to_exported_answers(browser, california, tmp_path, need_weights):
    need_weights("lite0", "megadetector-lite")
    folder, pictures = tmp_path / "cards_review", tmp_path / "cards"
    command = ["-m", "camtrap_tf.cli", "review", str(pictures), "--reviewer=kim"]
    with tab(browser, *KILLED) as page:
        with started([*command, "--port=0"], tmp_path / "1.log") as (process, port):
            page.goto(f"http://127.0.0.1:{port}/")
            assert "are being prepared" in page.inner_text("#waiting")
            page.wait_for_timeout(3000)
            process.kill()  # while it describes
        with started([*command, f"--port={port}"], tmp_path / "2.log"):
            page.goto(f"http://127.0.0.1:{port}/")
            page.wait_for_selector("[data-view=question]", timeout=240_000)
            for number in range(9):
                has_text(page, "#told", f"^{number} of 12")
                answer(page, california[shown(page)])
            has_text(page, "#told", "^9 of 12")
            page.click("#finish")
            page.click("#finish-go")
            page.wait_for_function(
                "() => /^(Made|It did)/.test(document.querySelector('#finish-body').innerText)",
                timeout=300_000,
            )
            assert page.inner_text("#finish-body").startswith("Made:")
    out = folder / "finished"
    journal = folder / "reviews.jsonl"
    assert len(answers.read(journal)) == 9
    table = pd.read_csv(out / "tables" / "predictions.csv", keep_default_na=False)
    as_given(journal, table)
    assert len(table) == 60 and (table["reviewed_by"] == "kim").sum() == 45
    plan = pd.read_csv(out / "plan.csv", keep_default_na=False)
    assert plan["answered_by"].value_counts().to_dict() == {"people": 45, "needs a look": 15}
    assert plan["answered_by"].iloc[0] == "needs a look"
