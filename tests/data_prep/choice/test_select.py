import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable
from data_prep.choice import draws, select


def table(labels, frames=2):
    """Events in order of appearance; a label is (event, frame or None, species[, count])."""
    ids = list(dict.fromkeys(label[0] for label in labels))
    rows = [(*label, None)[:4] for label in labels if label[2]]
    return EventTable(
        pd.DataFrame({"event_id": ids}),
        pd.DataFrame([(i, f"{i}/{n}.jpg") for i in ids for n in range(frames)],
                     columns=["event_id", "path"]),
        pd.DataFrame(rows, columns=["event_id", "frame", "species", "count"]),
    )  # fmt: skip


def ids(events):
    return events.events["event_id"].tolist()


def test_event_labels_are_the_union_of_frames_without_empty():
    events = table([
        ("a", 0, "deer", "2"), ("a", 1, "deer", "11-50"), ("a", 1, "fox", "1"),
        ("b", 0, "empty"), ("b", 1, "deer", "3"),
        ("c", 0, "empty"), ("c", 1, "empty"),
        ("d", None, "fox", "4"), ("d", 0, "deer", "1"),
    ])  # fmt: skip
    rows = select.event_labels(events)
    found = {
        (row.event_id, row.species): row.count_
        for row in rows.rename(columns={"count": "count_"}).itertuples()
        if row.species != "empty"
    }
    assert found == {
        ("a", "deer"): "11-50", ("a", "fox"): "1", ("b", "deer"): "3", ("d", "fox"): "4",
    }  # fmt: skip
    assert rows["event_id"][rows["species"] == "empty"].tolist() == ["c"]
    assert rows.dtypes.to_dict() == events.labels.drop(columns="frame").dtypes.to_dict()


def test_each_rule_drops_and_counts():
    events = table([
        ("a", None, "human"), ("b", None, "impossible"), ("c", None, "zebra"),
        ("c", None, "topi"), ("d", None, None), ("e", None, "empty"),
        ("f", 0, "zebra"), ("f", 1, "topi"), ("g", 0, "empty"), ("g", 1, "zebra"),
    ])  # fmt: skip
    chosen = select.select(events)
    assert ids(chosen) == ["a", "e", "g"]
    assert chosen.dropped.counts == {
        "event: no label": 1,
        "event: species 'impossible'": 1,
        "event: more than one species": 2,
    }
    assert chosen.dropped.examples["event: more than one species"] == ["c", "f"]
    assert len(events) == 7  # the table that was given is as it was


def test_min_events_names_the_rare_species():
    events = table([(f"z{n}", None, "zebra") for n in range(3)] + [("t", None, "topi")]
                   + [("e", None, "empty")])  # fmt: skip
    chosen = select.select(events, least=2)
    assert ids(chosen) == ["z0", "z1", "z2", "e"]
    assert chosen.dropped.counts == {"event: species with fewer than 2 events: topi": 1}
    assert len(select.select(events, least=3)) == 4  # three zebras are not fewer than three


def test_balance_keeps_as_many_empty_frames_as_others():
    # 4 frames of animals and 2 empty ones in animal events: 6 - 2 * 2 = 2 more, one event.
    animals = [("a", 0, "deer"), ("a", 1, "empty"), ("b", 0, "empty"), ("b", 1, "deer"),
               ("c", None, "fox")]  # fmt: skip
    events = table([*animals, *((f"e{n}", None, "empty") for n in range(9))])
    chosen = select.balance_empty(events, seed=0)
    kept = ids(chosen)
    assert kept[:3] == ["a", "b", "c"]
    assert len(kept) == 4
    assert chosen.dropped.counts == {"event: empty event beyond the number of others": 8}
    # The choice is the one with the lowest draw, whatever the order of the rows.
    numbers = draws.uniform([f"e{n}" for n in range(9)], 0, "balance")
    assert kept[3] == f"e{numbers.argmin()}"
    choices = {ids(select.balance_empty(events, seed))[3] for seed in range(10)}
    assert len(choices) > 1


def test_balance_keeps_all_where_empties_are_few():
    events = table([("a", None, "deer"), ("b", None, "fox"), ("e", None, "empty")])
    assert ids(select.balance_empty(events, 0)) == ["a", "b", "e"]


def test_min_images_counts_pictures_that_show_the_species():
    # Two events of two frames each, one of the frames labelled empty: three pictures of deer.
    events = table([("a", 0, "deer"), ("a", 1, "empty"), ("b", None, "deer"), ("c", None, "fox")])
    assert ids(select.min_images(events, 3)) == ["a", "b"]
    assert ids(select.min_images(events, 2)) == ["a", "b", "c"]
    assert select.min_images(events, 4).dropped.counts == {
        "event: species with fewer than 4 pictures: deer": 2,
        "event: species with fewer than 4 pictures: fox": 1,
    }


def test_the_most_frequent_species_and_empties_stay():
    names = ["zebra"] * 3 + ["topi"] * 2 + ["eland"] * 2 + ["genet"] + ["empty"] * 9
    events = table([(f"{n:02d}", None, name) for n, name in enumerate(names)])
    kept = select.most_frequent(events, 2)
    # The alphabet puts eland before topi.
    assert set(select.event_labels(kept)["species"]) == {"zebra", "eland", "empty"}
    assert kept.dropped.counts == {
        "event: species not among the 2 most frequent: genet": 1,
        "event: species not among the 2 most frequent: topi": 2,
    }
    assert len(select.select(events, top_species=26)) == len(events)
    for number in (0, -1):
        with pytest.raises(InputError, match=f"at least 1; received {number}"):
            select.select(events, top_species=number)


def test_cap_keeps_as_many_empty_pictures_as_the_largest_species_has():
    animals = [("a", None, "deer"), ("b", None, "deer"), ("c", 0, "fox"), ("c", 1, "empty")]
    events = table([*animals, *((f"e{n}", None, "empty") for n in range(9))])
    capped = select.cap_empty(events, seed=0)
    # Deer has 4 pictures, one empty frame is with the fox: one empty event of two, no second.
    assert len(capped) == 4
    assert capped.dropped.counts == {"event: empty event beyond the size of the largest species": 8}
    assert len(select.select(events, cap=True)) == 4


def test_exactly_three_frames_and_no_pictures():
    events = table([("a", None, "deer"), ("b", None, "deer")], frames=3)
    events.frames = events.frames.iloc[:-1]
    assert ids(select.exact_frames(events, 3)) == ["a"]
    events.frames = events.frames.iloc[:3]
    chosen = select.select(events)
    assert ids(chosen) == ["a"]
    assert chosen.dropped.counts == {"event: no pictures": 1}
    assert ids(select.select(events, frames=3, least_images=3)) == ["a"]


def test_nothing_left_is_an_error():
    with pytest.raises(InputError, match=r"one event passes.*received 'event: no label \(1\)'"):
        select.select(table([("a", None, None)]))
    events = table([("a", None, "deer"), ("b", None, "empty")])
    with pytest.raises(InputError, match=r"one species passes.*fewer than 9 events: deer \(1\)'"):
        select.select(events, least=9)
    assert ids(select.select(table([("b", None, "empty")]), least=9)) == ["b"]


def test_draws_are_uniform_independent_and_belong_to_the_name():
    names = [f"event {n}" for n in range(20_000)]
    first, second = draws.uniform(names, 0, "x"), draws.uniform(names, 1, "x")
    assert abs(first.mean() - 0.5) < 0.01  # standard error 0.002
    assert first.min() >= 0
    assert first.max() < 1
    assert abs((first * second).mean() - 0.25) < 0.01
    assert draws.uniform(["event 7"], 0, "x")[0] == first[7]
    assert draws.uniform(["a", "b"], 0, "split").round(6).tolist() == [0.821194, 0.657767]
