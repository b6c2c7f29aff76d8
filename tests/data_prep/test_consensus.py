import collections
import math

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import COUNT_BINS
from data_prep.consensus import Votes, consensus, pielou


def votes_of(events):
    """Votes of {event: [classification, ...]}, a classification {species or '': (count, moving)}.

    A classification may be a list of such pairs instead, to name a species twice.
    """
    species = sorted({
        name for one in events.values() for c in one for name, _ in pairs(c) if name
    })  # fmt: skip
    rows, number = [], 0
    for place, classifications in enumerate(events.values()):
        for one in classifications:
            for name, (count, moving) in pairs(one):
                bin_ = COUNT_BINS.index(count) if count else -1
                rows.append((place, number, species.index(name) if name else -1, bin_, moving))
            number += 1
    table = np.array(rows, np.int64).reshape(-1, 5)
    return Votes(
        table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int8),
        {"moving": table[:, 4].astype(np.int8)},
        pd.Series(list(events), dtype="string"), tuple(species),
    )  # fmt: skip


def pairs(classification):
    items = classification.items() if isinstance(classification, dict) else classification
    return [(name, answer or ("", -1)) for name, answer in items]


def saying(species, times, count="1", moving=0):
    return [{species: (count, moving)}] * times


def blank(times):
    return [{"": None}] * times


def winners(labels, event="e"):
    return labels[labels["event_id"] == event]["species"].tolist()


@pytest.mark.parametrize(
    ("votes", "expected"),
    [((12, 1), 0.391244), ((15, 1), 0.33729), ((20, 18), 0.998001), ((12, 3), 0.721928)],
)
def test_evenness_of_the_release(votes, expected):
    assert round(pielou(votes), 6) == expected
    first, second = votes
    events, _ = consensus(votes_of({"e": saying("zebra", first) + saying("topi", second)}))
    assert round(events["evenness"][0], 6) == expected


def test_evenness_of_one_species_or_none_is_zero():
    assert pielou([7]) == pielou([7, 0]) == pielou([]) == 0


def test_one_event_by_hand():
    counts = ("1", "2", "2", "10", "11-50", "51+")
    named = [{"zebra": (count, i % 2)} for i, count in enumerate(counts)]
    events, labels = consensus(votes_of({"e": [*named, *saying("topi", 2), *blank(3)]}))
    assert events.iloc[0].drop("evenness").tolist() == ["e", 11, 3]
    assert events["evenness"][0] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
                                                  / math.log(2))  # fmt: skip
    assert len(labels) == 1
    row = labels.iloc[0]
    assert (row["species"], row["votes"], row["support"]) == ("zebra", 6, 0.75)
    assert (row["count_min"], row["count"], row["count_max"]) == ("1", "10", "51+")
    assert row["moving"] == 0.5


def test_the_median_of_an_even_number_is_a_switch():
    # Two of four see one species, two see two; counts 1 and 3.
    both = {"zebra": ("3", 0), "topi": ("1", 0)}
    votes = votes_of({"e": [both, both, *saying("zebra", 2)]})
    _, upper = consensus(votes)
    _, lower = consensus(votes, even_median="lower")
    assert winners(upper) == ["zebra", "topi"]
    assert winners(lower) == ["zebra"]
    assert upper["count"].tolist() == ["3", "1"]
    assert lower["count"].tolist() == ["1"]


@pytest.mark.parametrize(
    ("counts", "merged"),
    [
        (("1", "1"), "2"), (("4", "6"), "10"), (("5", "6"), "11-50"),
        (("11-50", "51+"), "11-50"), (("51+", "3"), "51+"), (("", "3"), "3"), (("", ""), None),
    ],
)  # fmt: skip
def test_a_species_named_twice_is_one_vote(counts, merged):
    twice = [("zebra", (counts[0], 0)), ("zebra", (counts[1], 1))]
    events, labels = consensus(votes_of({"e": [twice]}))
    assert events["classifications"][0] == 1
    assert labels["votes"].tolist() == [1]
    assert labels["moving"].tolist() == [1.0]
    assert labels["count"].tolist() == [merged] or (merged is None and labels["count"].isna().all())


def test_attributes_nobody_was_asked_are_missing():
    votes = votes_of({"e": [{"zebra": ("1", -1)}] * 2 + [{"topi": ("1", 1)}]})
    _, labels = consensus(votes)
    assert labels["moving"].isna().tolist() == [True]


@pytest.mark.parametrize(
    ("blanks", "zebras", "topis", "retirement", "majority"),
    [
        (5, 0, 0, "empty", "empty"),
        (9, 3, 0, "zebra", "empty"),  # more blanks than others, but not retired as blank
        (10, 3, 0, "empty", "empty"),
        (10, 10, 0, "zebra", "zebra"),  # a tie is no majority
        (10, 6, 5, "empty", "zebra"),
    ],
)
def test_blank_rules(blanks, zebras, topis, retirement, majority):
    votes = votes_of({"e": blank(blanks) + saying("zebra", zebras) + saying("topi", topis)})
    assert winners(consensus(votes)[1]) == [retirement]
    assert winners(consensus(votes, blank_rule="majority")[1]) == [majority]


def test_events_known_to_be_blank_are_empty():
    votes = votes_of({"d": saying("zebra", 2), "e": saying("zebra", 2)})
    events, labels = consensus(votes, blank_events=np.array([False, True]))
    assert (winners(labels, "d"), winners(labels, "e")) == (["zebra"], ["empty"])
    assert events["event_id"].tolist() == ["d", "e"]


def test_ties_are_drawn_by_the_name_of_the_event():
    names = [f"event {n}" for n in range(400)]
    tied = saying("zebra", 3) + saying("topi", 3)
    _, labels = consensus(votes_of(dict.fromkeys(names, tied)))
    chosen = dict(zip(labels["event_id"], labels["species"], strict=True))
    assert len(chosen) == 400
    assert 150 < list(chosen.values()).count("zebra") < 250  # five standard deviations
    _, again = consensus(votes_of({"event 7": tied}))
    assert winners(again, "event 7") == [chosen["event 7"]]
    seeds = {winners(consensus(votes_of({"e": tied}), seed=seed)[1])[0] for seed in range(20)}
    assert seeds == {"zebra", "topi"}


def test_events_without_votes_and_no_votes_at_all():
    votes = votes_of({"d": saying("zebra", 1), "e": blank(1)})
    none = votes.take(np.zeros(len(votes), bool))
    events, labels = consensus(none)
    assert len(events) == len(labels) == 0
    events, labels = consensus(votes.take(votes.event == 1))
    assert events["event_id"].tolist() == ["e"]
    assert labels["species"].tolist() == ["empty"]


def test_unknown_switches_are_refused():
    votes = votes_of({"e": blank(1)})
    with pytest.raises(InputError, match="even_median is one of upper, lower; received 'mean'"):
        consensus(votes, even_median="mean")
    with pytest.raises(InputError, match="blank_rule is one of"):
        consensus(votes, blank_rule="mean")


@pytest.mark.parametrize("even_median", ["upper", "lower"])
def test_many_events_as_one_at_a_time(even_median):
    """Against the algorithm written out with dictionaries, event by event."""
    rng = np.random.default_rng(5)
    events = {}
    for n in range(300):
        events[f"e{n}"] = [
            {
                str(name): (str(rng.integers(1, 10)), int(rng.integers(0, 2)))
                for name in rng.choice(["zebra", "topi", "impala", "eland"], rng.integers(1, 4))
            } if rng.random() < 0.8 else {"": None}
            for _ in range(rng.integers(1, 9))
        ]  # fmt: skip
    facts, labels = consensus(votes_of(events), even_median=even_median)
    facts = facts.set_index("event_id")

    def median(values):
        values = sorted(values)
        return values[len(values) // 2 if even_median == "upper" else (len(values) - 1) // 2]

    for name, classifications in events.items():
        named = [one for one in classifications if "" not in one]
        ballots = collections.Counter(species for one in named for species in one)
        assert facts.loc[name, "blanks"] == len(classifications) - len(named)
        rows = labels[labels["event_id"] == name]
        if not named:
            assert rows["species"].tolist() == ["empty"]
            continue
        assert facts.loc[name, "evenness"] == pytest.approx(pielou(ballots.values()))
        size = median([len(one) for one in named])
        assert rows["votes"].tolist() == sorted(ballots.values(), reverse=True)[:size]
        for row in rows.to_dict("records"):
            answers = [one[row["species"]] for one in named if row["species"] in one]
            assert row["votes"] == len(answers)
            assert row["count"] == str(median([int(count) for count, _ in answers]))
            assert row["moving"] == pytest.approx(np.mean([moving for _, moving in answers]))
