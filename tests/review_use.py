"""A review of 300 real pictures, from an empty project to exported answers, as a person does it.

    python -m tests.review_use --california=CALIFORNIA --out=/tmp/use

CALIFORNIA is the folder of california.json and its pictures. Sixty events drawn at random, some
three hundred pictures, are copied to OUT/cards with their times. `camtrap review` runs on them as a
process of its own, and a headless Chromium answers from the data set's labels: events one by one by
keyboard, with a kill (SIGKILL) half-way, then walls. "Finish" makes the bundle, `camtrap export` a
TFLite model of it, and `camtrap-edge` answers twenty other events with that. Every screen is
pictured at 1200 and 390 pixels, in OUT/screens. OUT/use.json has answers, minutes, and how much of
it is right; an animal that nobody has answered counts as wrong.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from camtrap_tf.reviewing.journal import Journal
from tests.browsers import PHONE, chromium, has_text, tab
from tests.training.test_review_use import (
    KILLED,
    accept_wall,
    answer,
    asked,
    shown,
    stamped,
    started,
)

WIDTHS = {"1200": {"width": 1200, "height": 800}, "390": PHONE}
EVENTS, OTHERS = 60, 20
PREPARED_IN = 1800  # seconds


def copy_events(california: Path, out: Path, seed: int) -> dict[str, str]:
    """Copies pictures to OUT/cards and OUT/others; what the event of each shows, by file name."""
    told = json.loads((california / "california.json").read_text())
    names = {one["id"]: one["name"] for one in told["categories"]}
    label = {one["image_id"]: names[one["category_id"]] for one in told["annotations"]}
    frames = pd.DataFrame(told["images"])
    frames = frames[frames["id"].isin(list(label))]
    found = {}
    events = np.random.default_rng(seed).permutation(frames["seq_id"].unique())
    for number, event in enumerate(events[: EVENTS + OTHERS]):
        own = frames[frames["seq_id"] == event]
        seen = [label[name] for name in own["id"] if label[name] != "empty"]
        folder = out / ("cards" if number < EVENTS else "others")
        folder.mkdir(parents=True, exist_ok=True)
        for source, when in own[["file_name", "datetime"]].itertuples(index=False):
            file = Path(source).name
            stamped(california / source, folder / file, when)
            found[file] = seen[0] if seen else "empty"
    return found


class Screens:
    """Pictures of a page.

    Args:
        page: Playwright's.
        folder: where they go.
    """

    def __init__(self, page, folder: Path):
        self.page, self.folder = page, folder
        folder.mkdir(parents=True, exist_ok=True)

    def take(self, name: str) -> None:
        """Of what is to be seen, at all widths."""
        for width, size in WIDTHS.items():
            self.page.set_viewport_size(size)
            self.page.wait_for_timeout(400)
            self.page.screenshot(path=self.folder / f"{name}-{width}.png")
        self.page.set_viewport_size(WIDTHS["1200"])


def answer_by_keys(page, truth: Mapping[str, str], first: int, last: int) -> None:
    """Answers events one by one until so many are answered."""
    for number in range(first, last):
        answer(page, truth[shown(page)])
        has_text(page, "#told", f"^{number + 1} of ")


def answer_by_walls(page, truth: Mapping[str, str], walls: int, screens: Screens) -> list[tuple]:
    """Accepts so many walls, of each the first; their names and how many events stayed."""
    page.keyboard.press("w")
    page.wait_for_selector("#wall-list li")
    screens.take("walls")
    page.keyboard.press("1")
    page.wait_for_selector("#tiles button")
    page.wait_for_timeout(1500)
    screens.take("wall")
    page.keyboard.press("Escape")
    found = []
    for _ in range(walls):
        page.keyboard.press("w")
        page.wait_for_timeout(1500)
        if not page.locator("#wall-list button:enabled").count():
            break
        found.append(accept_wall(page, lambda event_id: truth[event_id]))
    return found


def look_around(page, screens: Screens) -> None:
    """The list, the results and the keys."""
    page.click("#to-list")
    page.wait_for_selector("#rows li")
    page.wait_for_timeout(1500)
    screens.take("list")
    page.click("#to-question")
    for button, box in (("#results", "#results-box"), ("#help", "#help-box")):
        page.click(button)
        page.wait_for_selector(f"{box}[open]")
        page.wait_for_timeout(500)
        screens.take(button[1:])
        page.keyboard.press("Escape")


def finish(page, screens: Screens) -> None:
    """Presses "Finish" and waits for what is made."""
    page.click("#finish")
    page.wait_for_selector("#finish-go")
    screens.take("finish")
    page.click("#finish-go")
    page.wait_for_timeout(2000)
    screens.take("finishing")
    page.wait_for_function(
        "() => /^(Made|It did)/.test(document.querySelector('#finish-body').innerText)",
        timeout=PREPARED_IN * 1000,
    )
    screens.take("finished")


def work(page, out: Path, truth: Mapping[str, str], given: argparse.Namespace) -> dict:
    """The whole review; minutes of its parts and the walls."""
    command = ["-m", "camtrap_tf.cli", "review", str(out / "cards"), "--reviewer=kim"]
    screens, clock = Screens(page, out / "screens"), [time.monotonic()]

    def lap() -> float:
        clock.append(time.monotonic())
        return round((clock[-1] - clock[-2]) / 60, 2)

    minutes = {}
    with started([*command, "--port=0"], out / "1.log") as (process, port):
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_timeout(2000)
        screens.take("waiting")
        page.wait_for_selector("[data-view=question]", timeout=PREPARED_IN * 1000)
        minutes["to the first question"] = lap()
        page.wait_for_timeout(1000)
        screens.take("question")
        lap()
        half = given.answers // 2
        answer_by_keys(page, truth, 0, half)
        process.kill()
        minutes["first half by keys"] = lap()
    with started([*command, f"--port={port}"], out / "2.log"):
        has_text(page, "#told", f"^{half} of ")
        minutes["started again"] = lap()
        while asked(port, "state")["preparing"]["state"] != "done":
            time.sleep(1)
        minutes["until all were prepared"] = lap()
        answer_by_keys(page, truth, half, given.answers)
        minutes["second half by keys"] = lap()
        page.wait_for_timeout(3000)
        screens.take("answered")
        lap()
        walls = answer_by_walls(page, truth, given.walls, screens)
        minutes["walls"] = lap()
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        look_around(page, screens)
        accuracy = asked(port, "state")["accuracy"]
        lap()
        finish(page, screens)
        minutes["finish"] = lap()
    return {"minutes": minutes, "walls": walls, "running accuracy": accuracy}


def right(table: pd.DataFrame, truth: Mapping[str, str]) -> dict:
    """Events of predictions.csv by whether people answered them, and how many are right."""
    events = table.groupby("event_id", sort=False).first()
    true = np.array([truth[Path(path).name] for path in events["path"]])
    told, people = events["answer"].to_numpy(str) == true, events["reviewed_by"] != ""
    animal = true != "empty"
    parts = {"people": people, "model": ~people, "model, animals": ~people & animal}
    return {name: _hits(told[rows]) for name, rows in parts.items()}


def answer_others(out: Path, truth: Mapping[str, str]) -> dict:
    """Exports the bundle and lets `camtrap-edge` answer other events with it."""
    bundle, model = out / "cards_review/finished/bundle", out / "export/tflite/float16"
    cli = [sys.executable, "-m"]
    subprocess.run(
        [*cli, "camtrap_tf.cli", "export", f"--bundle={bundle}", f"--out={out / 'export'}",
         f"--check_on={out / 'others'}", "--form=float16", "--check_pictures=40"],
        check=True,
    )  # fmt: skip
    log = out / "decisions.jsonl"
    subprocess.run(
        [*cli, "export.edge.cli", "watch", str(out / "others"), f"--model={model}", "--keep=all",
         "--once", f"--log={log}"],
        check=True,
    )  # fmt: skip
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    told = np.array([one["species"] if one["animal"] else "empty" for one in lines])
    true = np.array([truth[Path(one["event"]).name] for one in lines])
    return {"right": _hits(told == true), "animals": _hits((told == true)[true != "empty"]),
            "empty or not": _hits((told == "empty") == (true == "empty"))}  # fmt: skip


def _hits(right: np.ndarray) -> list[int]:
    """How many are right, of how many."""
    return [int(right.sum()), len(right)]


def main() -> None:
    """Reads the flags and does it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--california", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="new folder")
    parser.add_argument("--answers", type=int, default=30, help="by keyboard")
    parser.add_argument("--walls", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the events")
    given = parser.parse_args()
    truth = copy_events(given.california, given.out, given.seed)
    with chromium() as browser, tab(browser, *KILLED) as page:
        found = work(page, given.out, truth, given)
    folder = given.out / "cards_review"
    table = pd.read_csv(folder / "finished/tables/predictions.csv", keep_default_na=False)
    found |= {"pictures": len(table), "lines": len(Journal(folder / "reviews.jsonl").lines())}
    found |= {"right": right(table, truth), "others": answer_others(given.out, truth)}
    found["files"] = sorted(one.name for one in (folder / "finished").iterdir())
    (given.out / "use.json").write_text(json.dumps(found, indent=1))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
