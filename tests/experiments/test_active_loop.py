import csv
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing import answers
from experiments.california import active_loop
from experiments.california.active_loop import Plan, by_day, deal_days, summary


def table_of(days: list[tuple[str, str]], frames: int = 2) -> EventTable:
    """One event for each (day, species); event i is 'e{i}' with pictures 'e{i}-{frame}.png'."""
    names = [f"e{i}" for i in range(len(days))]
    times = pd.to_datetime([f"{day} 10:00" for day, _ in days])
    rows = [(name, f"{name}-{frame}.png") for name in names for frame in range(frames)]
    return EventTable(
        pd.DataFrame({"event_id": names, "datetime": times, "source": "annotation"}),
        pd.DataFrame(rows, columns=["event_id", "path"]),
        pd.DataFrame({"event_id": names, "species": [species for _, species in days]}),
    )


def test_days_are_dealt_whole_and_every_class_is_in_the_pool():
    days = [f"2020-01-{day:02d}" for day in range(1, 25)]
    kinds = ["cow"] * 12 + ["empty"] * 11 + ["dog"]  # the dog came on one day only
    table = by_day(table_of([pair for pair in zip(days, kinds, strict=True) for _ in range(3)]))
    for seed in range(3):
        dealt = deal_days(table, seed)
        assert sorted(day for lot in dealt.values() for day in lot) == days
        assert days[-1] in dealt["train"]
        assert len(dealt["train"]) in (12, 13)  # half of the events
        cows = [sum(day < "2020-01-13" for day in dealt[split]) for split in ("train", "test")]
        assert cows[0] in (6, 7) and cows[1] in (4, 5)
    assert deal_days(table, 0) == deal_days(table, 0) != deal_days(table, 1)


def test_summary_by_hand():
    right = {"gain": [[1, 1, 1, 0]], "random": [[1, 0, 1, 0]]}
    outcomes = {
        (strategy, seed): [(40, 200, np.array(right[strategy][0], bool))]
        for strategy in right
        for seed in (0, 1)
    }
    [row] = summary(outcomes)
    assert (row["events_labelled"], row["gain_pictures"], row["test_events"]) == (40, 200, 8)
    assert (row["gain"], row["random"], row["difference"]) == (0.75, 0.5, 0.25)
    assert row["low"] <= 0.25 <= row["high"] and row["low"] >= 0


@pytest.mark.slow
def test_the_whole_loop_on_coloured_squares(tmp_path):
    rng = np.random.default_rng(0)
    colours = {"empty": (90, 90, 90), "blue": (40, 40, 220), "red": (220, 40, 40)}
    days = [(f"2020-02-{1 + i % 20:02d}", list(colours)[i % 3]) for i in range(60)]
    table = table_of(days)
    for _, event_id, path in table.frames[["event_id", "path"]].itertuples():
        base = np.array(colours[days[int(event_id[1:])][1]])
        noise = rng.integers(-20, 20, (32, 32, 3))
        Image.fromarray((base + noise).astype(np.uint8)).save(tmp_path / path)
    plan = Plan(first=20, more=4, rounds=2, epochs=2, further=1, size=24, crop=20)
    for _ in range(2):  # the second time nothing is left to do
        active_loop.run(table, tmp_path, tmp_path / "loop", 1, plan, tmp_path / "results")
    with (tmp_path / "results/active_loop.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["events_labelled"] for row in rows] == ["20", "24"]
    assert rows[0]["gain"] == rows[0]["random"]  # the first training is the same
    given = {
        strategy: answers.read(tmp_path / f"loop/seed0-{strategy}/reviews.jsonl")
        for strategy in active_loop.STRATEGIES
    }
    assert [len(one) for one in given.values()] == [24, 24]
    events = [{answer.event_id for answer in one} for one in given.values()]
    assert len(events[0] & events[1]) >= 20
    dealt = json.loads((tmp_path / "loop/seed0/shards.json").read_text())["splits"]
    pool = {f"e{i}" for i, (day, _) in enumerate(days) if day in dealt["train"]}
    assert events[0] | events[1] <= pool  # nothing is learnt from the test days
