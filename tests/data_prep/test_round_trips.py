"""A random event table written as each format, shuffled, repeated and full of gaps, reads back.

The writers here are the tests' own. What a format cannot hold (a count of an empty picture, a
site of MegaDetector's) is not compared.
"""

import csv
import json
import random
import tempfile
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from data_prep.sources import read

EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],  # shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
LETTERS = "abcXYZ019 äéñöüßøłçåńệ狐,;'&()+-_"
WORDS = st.text(LETTERS, min_size=1, max_size=8).map(lambda word: f"q{word}q".replace("  ", "_"))
SPECIES = ("red fox", "Größter Bär", 'deer "8"', "lynx, old", "sanglier; grêlé", "zèbre")
COUNTS = ("1", "2", "10", "11-50", "51+")
NAMES_OF_EMPTY = ("empty", "Blank", "nothing here", "NO_ANIMAL", "None")


@st.composite
def tables(draw, species=SPECIES, counts=COUNTS, whole=False):
    """Events: id, site, time and frames, each frame a path and its {species: count}.

    An empty frame has {'empty': None}, an unlabelled one nothing. With `whole` all frames of an
    event have the labels of the event. Times of a site are an hour apart.
    """
    label = st.one_of(
        st.just({}),
        st.just({"empty": None}),
        st.dictionaries(st.sampled_from(species), st.sampled_from((*counts, None)),
                        min_size=1, max_size=2),
    )  # fmt: skip
    sites = draw(st.lists(WORDS, min_size=1, max_size=3, unique_by=nfc))
    events = []
    for number in range(draw(st.integers(1, 5))):
        site = draw(st.sampled_from(sites))
        frames, own = [], draw(label)
        for frame in range(draw(st.integers(1, 3))):
            folder = "/".join([site, *draw(st.lists(WORDS, max_size=2))])
            path = f"{folder}/{number}_{frame}{draw(WORDS)}.jpg"
            frames.append((nfc(path), own if whole else draw(label)))
        events.append({
            "id": nfc(f"{number}-{draw(WORDS)}"), "site": nfc(site), "hour": number,
            "frames": frames, "timed": draw(st.booleans()),
        })  # fmt: skip
    return events


def nfc(text):
    return unicodedata.normalize("NFC", text)


class Writer:
    """Writes text in a random form, rows in a random order and some of them twice."""

    def __init__(self, seed: int, folder: Path):
        self.random, self.folder = random.Random(seed), folder

    def form(self, text: str) -> str:
        return unicodedata.normalize(self.random.choice(("NFC", "NFD")), text)

    def path(self, path: str) -> str:
        slash = self.random.choice(("/", "\\", "//"))
        return self.form(self.random.choice(("", "./")) + path.replace("/", slash))

    def case(self, name: str) -> str:
        return self.random.choice((name, name.upper(), name.capitalize()))

    def shuffled(self, rows: list, repeat: bool = True) -> list:
        again = [row for row in rows if repeat and self.random.random() < 0.3]
        return self.random.sample(rows + again, len(rows) + len(again))

    def csv(self, name: str, rows: list[dict], case: bool = True) -> Path:
        encoding = self.random.choice(("utf-8", "utf-8-sig", "utf-16", "utf-16-le"))
        delimiter = self.random.choice(",;\t")
        columns = {column: self.case(column) if case else column for column in rows[0]}
        with (self.folder / name).open("w", encoding=encoding, newline="") as file:
            if self.random.random() < 0.3:
                file.write(f"sep={delimiter}\n")
            writer = csv.DictWriter(file, [*columns.values()], delimiter=delimiter)
            writer.writeheader()
            writer.writerows({columns[key]: value for key, value in row.items()} for row in rows)
        return self.folder / name

    def json(self, name: str, content) -> Path:
        text = json.dumps(content, ensure_ascii=self.random.random() < 0.5)
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name

    def empty(self) -> str:
        return self.random.choice(NAMES_OF_EMPTY)


def clock(event, frame=0) -> str:
    return f"2020-02-13 {event['hour']:02d}:00:{frame:02d}"


def written(writer: Writer, fmt: str, event, frame=0) -> str:
    """The time in a form of the whole column; '' where the event has none."""
    day, time = clock(event, frame).split(" ")
    year, month, number = day.split("-")
    forms = {"iso": f"{day}T{time}Z", "exif": f"{year}:{month}:{number} {time}",
             "dmy": f"{number}/{month}/{year} {time}", "mdy": f"{month}/{number}/{year} {time}",
             "german": f"{number}.{month}.{year} {time}"}  # fmt: skip
    return forms[fmt] if event["timed"] else writer.random.choice(("", ""))


def seen(table):
    """What a table says: {path: (pictures of its event, site, time)}, and labels by path."""
    events = table.events.set_index("event_id")
    frames = table.frames
    home = dict(zip(frames["path"], frames["event_id"], strict=True))
    groups = frames.groupby("event_id")["path"].agg(frozenset)
    facts = {path: (groups[event], events["site"][event], str(events["datetime"][event])[:19])
             for path, event in home.items()}  # fmt: skip
    order = frames.groupby("event_id")["path"].agg(list)
    labels = {path: {} for path in home}
    for row in table.labels.itertuples():
        paths = order[row.event_id]
        for path in paths if _missing(row.frame) else [paths[int(row.frame)]]:
            labels[path][row.species] = None if _missing(row.count) else row.count
    return facts, labels


def _missing(value) -> bool:
    return bool(pd.isna(value))


def told(events, sites=True, times=True):
    """What `seen` says of a table that holds the events."""
    facts, labels = {}, {}
    for event in events:
        group = frozenset(path for path, _ in event["frames"])
        for path, label in event["frames"]:
            time = clock(event) if event["timed"] and times else "NaT"
            facts[path] = (group, event["site"] if sites else None, time)
            labels[path] = label
    return facts, labels


def check(table, events, groups=True, sites=True, times=True):
    facts, labels = seen(table)
    expected, expected_labels = told(events, sites, times)
    assert labels == expected_labels
    assert facts.keys() == expected.keys()
    for path, (group, site, time) in expected.items():
        found = facts[path]
        assert found[0] == (group if groups else frozenset([path]))
        assert (found[1] == site or not sites) and (found[2] == time or not times)


def written_in(events, seed, write, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        return write(Writer(seed, Path(folder)), events, *arguments)


SEEDS = st.integers(0, 2**32)


def as_csv(writer, events, key):
    fmt = writer.random.choice(("iso", "exif", "dmy", "mdy", "german"))
    rows = []
    for event in events:
        for place, (path, label) in enumerate(event["frames"]):
            for species, count in (label or {None: None}).items():
                name = writer.empty() if species == "empty" else writer.form(species or "")
                folder, _, file = path.rpartition("/")
                where = {"RelativePath": writer.path(folder), "File": writer.form(file)}
                if key == "path":
                    where = {"path": writer.path(path)}
                rows.append(where | {
                    "species": name if species else writer.random.choice(("", "NA", "unknown")),
                    "count": count or writer.random.choice(("", "NA")),
                    "event": writer.form(event["id"]), "site": writer.form(event["site"]),
                    "datetime": written(writer, fmt, event, place),
                })  # fmt: skip
    names = "" if key == "path" else "site=site,event=event,count=count"
    return read("csv", writer.csv("x.csv", writer.shuffled(rows)), columns=names)


@pytest.mark.parametrize("key", ["path", "folder and file"])
@EXAMPLES
@given(events=tables(), seed=SEEDS)
def test_csv(key, events, seed):
    check(written_in(events, seed, as_csv, key), events)


def as_coco(writer, events):
    categories = dict(enumerate(("empty", *SPECIES)))
    numbers = {species: number for number, species in categories.items()}
    spelled = {number: writer.empty() if not number else writer.form(name)
               for number, name in categories.items()}  # fmt: skip
    text = writer.random.choice((str, int))
    images, annotations = [], []
    for event in events:
        for place, (path, label) in enumerate(event["frames"]):
            key = len(images)
            image = {"id": key, "file_name": writer.path(path), "seq_id": writer.form(event["id"]),
                     "frame_num": place, "location": writer.form(event["site"]),
                     "datetime": written(writer, "iso", event, place) or None}  # fmt: skip
            images.append(image)
            for species, count in label.items():
                count = writer.random.choice((0, "")) if species == "empty" else count
                annotations.append({"id": len(annotations), "image_id": text(key),
                                    "category_id": numbers[species], "count": count})  # fmt: skip
    named = [{"id": text(number), "name": name} for number, name in spelled.items()]
    path = writer.json("x.json", {
        "images": writer.shuffled(images), "annotations": writer.shuffled(annotations),
        "categories": writer.shuffled(named, repeat=False),
    })  # fmt: skip
    return read("coco", path)


@EXAMPLES
@given(events=tables(), seed=SEEDS)
def test_coco(events, seed):
    check(written_in(events, seed, as_coco), events)


def as_camtrap_dp(writer, events, ids):
    """Events of a deployment by their id, which others use too, or by their time alone."""
    media, notes = [], []
    missing = writer.random.choice(("", "NA", "NaN"))
    for event in events:
        deployment = writer.form(event["site"])
        for place, (path, _) in enumerate(event["frames"]):
            media.append({
                "mediaID": f"{event['hour']}m{place}", "deploymentID": deployment,
                "timestamp": clock(event, place).replace(" ", "T") + "Z",
                "filePath": writer.path(path),
                "fileName": missing, "fileMediatype": writer.random.choice(("image/jpeg", missing)),
            })  # fmt: skip
        for species, count in event["frames"][0][1].items():
            kind = {"empty": "blank"}.get(species, "animal")
            zone = writer.random.choice(("Z", "+00:00"))
            begin, end = (clock(event, second).replace(" ", "T") + zone for second in (0, 59))
            notes.append({
                "observationID": f"o{len(notes)}", "deploymentID": deployment, "mediaID": missing,
                "eventID": f"{event['number']}" if ids else missing, "eventStart": begin,
                "eventEnd": end, "observationLevel": "event", "observationType": kind,
                "scientificName": missing if kind == "blank" else writer.form(species),
                "count": count or missing,
            })  # fmt: skip
    deployments = [{"deploymentID": site, "locationID": missing}
                   for site in {row["deploymentID"]: 0 for row in media}]  # fmt: skip
    deployments = list({nfc(row["deploymentID"]): row for row in deployments}.values())
    parts = {"deployments": deployments, "media": media, "observations": notes}
    if not notes:
        return None
    for name, rows in parts.items():
        writer.csv(f"{name}.csv", writer.shuffled(rows, name != "deployments"), case=False)
    resources = [{"name": name, "path": f"{name}.csv"} for name in parts]
    writer.json("datapackage.json", {"resources": resources})
    return read("camtrap_dp", writer.folder)


@pytest.mark.parametrize("ids", [True, False])
@EXAMPLES
@given(events=tables(counts=("1", "2", "10"), whole=True), seed=SEEDS)
def test_camtrap_dp(ids, events, seed):
    numbers = {}
    for event in events:
        event["number"] = numbers[event["site"]] = numbers.get(event["site"], 0) + 1
        event["timed"] = True
    table = written_in(events, seed, as_camtrap_dp, ids)
    if table is not None:
        labelled = [event for event in events if event["frames"][0][1]]
        paths = {path for event in labelled for path, _ in event["frames"]}
        kept = table.frames["event_id"][table.frames["path"].isin(paths)]
        check(table.keep(kept.unique()), labelled)


def as_megadetector(writer, events):
    images = []
    for event in events:
        for path, label in event["frames"]:
            found = [{"category": category, "conf": 0.9, "bbox": [0, 0, 1, 1]}
                     for category, name in (("1", "animal"), ("2", "person")) if name in label
                     for _ in range(int(label[name]))]  # fmt: skip
            below = [{"category": "1", "conf": 0.1, "bbox": [0, 0, 1, 1]}]
            image = {"detections": (found + below) if label else None}
            images.append({"file": writer.path(path), **image})
            if writer.random.random() < 0.3:
                images.append({"file": writer.path(path), "detections": None, "failure": "x"})
    content = {"images": writer.shuffled(images), "info": None}
    content["detection_categories"] = {"1": "animal", "2": "person"}
    return read("megadetector", writer.json("x.json", content))


@EXAMPLES
@given(events=tables(species=("animal", "person"), counts=("1", "2")), seed=SEEDS)
def test_megadetector(events, seed):
    for event in events:
        for _, label in event["frames"]:
            label |= {name: count or "1" for name, count in label.items() if name != "empty"}
    table = written_in(events, seed, as_megadetector)
    read_frames = [
        {**event, "frames": [(path, label) for path, label in event["frames"] if label]}
        for event in events
    ]
    check(table, read_frames, groups=False, sites=False, times=False)


SERENGETI = ("zebra", "lionFemale", "gazelleThomsons", "human")


def as_lila(writer, events):
    images, notes = [], []
    for event in events:
        for place, (path, _) in enumerate(event["frames"]):
            images.append({"capture_id": event["id"], "image_rank_in_capture": place + 1,
                           "image_path_rel": writer.path(path)})  # fmt: skip
        for species, count in event["frames"][0][1].items():
            day, time = clock(event).split(" ") if event["timed"] else ("", "")
            name = writer.empty() if species == "empty" else writer.case(species)
            notes.append({"capture_id": event["id"], "question__species": name, "season": "S1",
                          "site": writer.form(event["site"]), "question__count_median": count or "",
                          "capture_date_local": day, "capture_time_local": time})  # fmt: skip
    if not notes:
        return None
    writer.csv("x_images.csv", writer.shuffled(images))
    writer.csv("x_annotations.csv", writer.shuffled(notes))
    return read("lila", writer.folder)


@EXAMPLES
@given(events=tables(species=SERENGETI, whole=True), seed=SEEDS)
def test_lila(events, seed):
    table = written_in(events, seed, as_lila)
    if table is not None:
        labelled = [event for event in events if event["frames"][0][1]]
        kept = table.frames["event_id"].isin([event["id"] for event in labelled])
        check(table.keep(table.frames["event_id"][kept].unique()), labelled)


SHARES = (
    "Standing", "Resting", "Moving", "Eating", "Interacting", "Babies", "Evenness",
    "NumClassifications", "NumBlanks",
)  # fmt: skip


def as_dryad(writer, events):
    images, notes = [], []
    for event in events:
        images += [{"CaptureEventID": event["id"], "URL_Info": writer.path(path)}
                   for path, _ in event["frames"]]  # fmt: skip
        day = written(writer, "iso", event)
        facts = {"CaptureEventID": event["id"], "DateTime": day, "SiteID": event["site"]}
        for species, count in event["frames"][0][1].items():
            if species != "empty":
                told = {"Species": species, "Count": count or ""}
                notes.append(facts | told | dict.fromkeys(SHARES, ""))
    if not notes:
        return None
    writer.csv("all_images.csv", writer.shuffled(images))
    writer.csv("consensus_data.csv", writer.shuffled(notes, repeat=False))
    return read("dryad", writer.folder)


@EXAMPLES
@given(events=tables(species=SERENGETI, whole=True), seed=SEEDS)
def test_dryad(events, seed):
    for event in events:  # what has no row in the consensus is empty
        event["frames"] = [(path, label or {"empty": None}) for path, label in event["frames"]]
    table = written_in(events, seed, as_dryad)
    if table is not None:
        check(table, events, sites=False, times=False)


def as_panoptes(writer, events, short):
    rows = []
    for event in events:
        keys = {f"#image{place}": path for place, (path, _) in enumerate(event["frames"], 8)}
        subject = {"#site": writer.form(event["site"]), "retired": None,
                   "#datetime": written(writer, "iso", event)}  # fmt: skip
        subject |= {key: writer.path(path) for key, path in keys.items()}
        subject |= {f"#file{key[6:]}": writer.path(path) for key, path in keys.items()}
        subject = dict(writer.random.sample([*subject.items()], len(subject)))
        choices = [panoptes_choice(writer, species, count, short)
                   for species, count in event["frames"][0][1].items()]  # fmt: skip
        for user in range(3):
            rows.append({
                "user_name": f"u{user}", "workflow_id": 1, "metadata": "{}",
                "annotations": json.dumps([{"task": "T0", "value": choices}]),
                "subject_data": json.dumps({"1": subject}), "subject_ids": event["id"],
            })  # fmt: skip
    return read("zooniverse", writer.csv("x.csv", writer.shuffled(rows)))


def panoptes_choice(writer, species, count, short):
    count = {None: "", "11-50": "1150", "51+": "51"}.get(count, count)
    names = [species.upper() if species != "empty" else "NOTHINGHERE", "HOWMANY"]
    if short:
        names = ["".join(letter for letter in name if letter not in "AEIOUY") for name in names]
    return {"choice": names[0], "answers": {names[1]: count} if species != "empty" else {}}


@pytest.mark.parametrize("short", [True, False])
@EXAMPLES
@given(events=tables(species=SERENGETI, whole=True), seed=SEEDS)
def test_panoptes(short, events, seed):
    labelled = [event for event in events if event["frames"][0][1]]
    for event in labelled:
        event["timed"] = True
    if labelled:
        check(written_in(labelled, seed, as_panoptes, short), labelled)
