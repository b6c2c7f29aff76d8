import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from absl import flags
from PIL import Image

from camtrap_tf.answers import metrics, with_event
from camtrap_tf.answers.boxes import NamedBoxes
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.boxes import COLUMNS
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY, COUNT_BINS
from camtrap_tf.events.table import Dropped
from camtrap_tf.reporting import cards, figures, tables, write_report
from camtrap_tf.verbs import report as command
from tests.browsers import PHONE, tab

NAN = float("nan")
SPECIES = ("hare", "lion", "striped_skunk")
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Tags with their attributes, text, and a check that every tag is closed."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.texts.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def make(number: int = 40, labels: bool = True, seed: int = 0) -> Predictions:
    """Two-stage predictions of pictures in events of two; the last event is unreadable."""
    rng = np.random.default_rng(seed)
    classes = {
        "empty": BINARY, "species": SPECIES, "count": COUNT_BINS, "standing": BINARY,
        "babies": BINARY,
    }  # fmt: skip
    probabilities = {
        head: rng.dirichlet(np.full(len(names), 0.3), number).astype(np.float32)
        for head, names in classes.items()
    }
    for values in probabilities.values():
        values[-2:] = NAN
    empty = rng.random(number) < 0.3
    truth = {
        head: np.where(empty, -1, rng.integers(0, len(names), number))
        for head, names in classes.items()
    } | {"empty": empty.astype(int)}
    ids = pd.DataFrame(
        {
            "path": [f"site/{i:03d}.jpg" for i in range(number)],
            "event_id": [f"e{i // 2}" for i in range(number)],
            "site": "site",
            "datetime": pd.Timestamp("2020-02-03 04:05:06"),
            "failure": [None] * (number - 2) + ["truncated file", "no picture at all"],
        }
    )
    kept = truth if labels else {}
    return Predictions(ids, classes, probabilities, kept, kept, {"model": "resnet18"})


@pytest.fixture
def pictures(tmp_path):
    """A folder with the pictures of `make`, of which 003 is broken and 004 is missing."""
    root = tmp_path / "pictures"
    (root / "site").mkdir(parents=True)
    for i in range(40):
        Image.new("RGB", (1000, 750), (i, 90, 60)).save(root / f"site/{i:03d}.jpg")
    (root / "site/003.jpg").write_bytes(b"not a picture")
    (root / "site/004.jpg").unlink()
    return root


def render(predictions, tmp_path, **options) -> Page:
    out = tmp_path / "report.html"
    write_report(predictions, out, **options)
    return Page(out.read_text(encoding="utf-8"))


def check_self_contained(page: Page) -> None:
    assert not page.all("script") and not page.all("link")
    for _, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/", "#")), value
        assert "url(" not in re.sub(r"url\(#", "", attributes.get("style") or "")
    for image in page.all("img"):
        assert image["alt"].startswith("Camera-trap picture; the answer is ")
    for svg in page.all("svg"):
        assert svg["role"] == "img" and svg["aria-label"]
    assert page.all("html")[0]["lang"] == "en"
    anchors = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    for link in page.all("a"):
        assert link["href"][1:] in anchors


def test_with_labels(tmp_path, pictures):
    dropped = Dropped({"more than one species": 3}, {"more than one species": ["e7", "<e8>"]})
    page = render(make(), tmp_path, images_root=pictures, dropped=dropped, title="My <report>")
    check_self_contained(page)
    assert "My <report>" in page.text
    for words in (
        "Examples: right answers", "Examples: wrong answers", "How often is it right?",
        "Which species?", "What is mistaken for what", "striped skunk",
        "more than one species", "e7, <e8>", "3 February 2020", "1 camera site",
    ):  # fmt: skip
        assert words in page.text
    assert 20 <= len(page.all("img")) <= 24  # two of the pictures are not to be had
    assert len(page.all("svg")) == 5


def test_a_phone_shows_whole_tables(tmp_path, browser):
    render(make(), tmp_path)
    with tab(browser, viewport=PHONE, is_mobile=True) as page:
        page.goto((tmp_path / "report.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        cut = page.evaluate(
            "[...document.querySelectorAll('.scroll, .figures figure')].filter(part => "
            "part.scrollWidth > part.clientWidth).map(part => part.innerText)"
        )
        assert cut == []
        # A table that is wider still moves under its first column.
        first = page.locator("section table tbody th").first
        assert first.evaluate("node => getComputedStyle(node).position") == "sticky"


def test_counts_in_the_headline(tmp_path):
    predictions = make()
    answers = predictions.answers()
    page = render(predictions, tmp_path)
    empty = int((answers == "empty").sum())
    assert f"pictures 40 20 capture events with an animal {38 - empty}" in page.text
    assert f"empty {empty} " in page.text
    assert "not readable 2 5.0% of the pictures 1 capture event (5.0%)" in page.text


def test_failures_are_listed_with_their_reason(tmp_path, pictures):
    page = render(make(), tmp_path, images_root=pictures)
    assert "1: truncated file site/038.jpg" in page.text
    assert "1: no picture at all site/039.jpg" in page.text


def test_many_failures_are_cut_with_a_word_about_the_rest(tmp_path):
    number = tables.PATHS + 22
    predictions = make(number)
    predictions.ids["failure"] = pd.Series(["broken"] * number, dtype="string")
    page = render(predictions, tmp_path)
    assert "and 22 more" in page.text and f"{number}: broken" in page.text


def test_without_labels(tmp_path, pictures):
    page = render(make(labels=False), tmp_path, images_root=pictures)
    check_self_contained(page)
    assert "Examples: sure answers" in page.text and "Examples: unsure answers" in page.text
    assert "Truth" not in page.text and "in truth" not in page.text
    assert not [one for one in page.all("span") if "mark" in one.get("class", "")]
    assert len(page.all("svg")) == 1
    assert "None" not in page.text and "nan" not in page.text


def test_without_pictures(tmp_path):
    page = render(make(), tmp_path)
    check_self_contained(page)
    assert not page.all("img") and "no picture at hand" in page.text


def test_a_hostile_file_name_stays_text(tmp_path):
    predictions = make()
    evil = 'a"><script>alert(1)</script>&amp;.jpg'
    predictions.ids["path"] = pd.Series([evil] * len(predictions), dtype="string")
    predictions.ids["failure"] = pd.Series([None] * 38 + ["<b>bad</b>"] * 2, dtype="string")
    page = render(predictions, tmp_path)
    check_self_contained(page)
    assert evil in page.text and "<b>bad</b>" in page.text


def one_stage(predictions: Predictions) -> Predictions:
    names = (*SPECIES, "empty")
    p = np.random.default_rng(1).dirichlet(np.ones(4), len(predictions)).astype(np.float32)
    p[-2:] = NAN
    truth = np.where(predictions.labels["empty"] == 1, 3, predictions.labels["species"])
    labels = {"species": truth}
    return Predictions(predictions.ids, {"species": names}, {"species": p}, labels, labels)


def heads(predictions: Predictions, *kept: str) -> Predictions:
    parts = (predictions.classes, predictions.probabilities, predictions.labels)
    classes, probabilities, labels = ({head: part[head] for head in kept} for part in parts)
    return Predictions(predictions.ids, classes, probabilities, labels, labels)


def test_other_models(tmp_path, pictures):
    models = {
        "Empty, or which species?": one_stage(make()),
        "Empty, or an animal?": heads(make(), "empty"),
        "Which species?": heads(make(), "species", "count"),
    }
    for question, predictions in models.items():
        page = render(predictions, tmp_path, images_root=pictures)
        check_self_contained(page)
        assert question in page.text


def test_no_pictures_at_all_and_nothing_readable(tmp_path):
    predictions = make()
    render(predictions.select(np.zeros(40, bool)), tmp_path)
    page = render(predictions.select(np.array([38, 39])), tmp_path)
    assert "Examples" not in page.text and "truncated file" in page.text


def test_pictures_without_event_ids(tmp_path):
    predictions = make()
    predictions.ids["event_id"] = pd.Series([None] * 40, dtype="string")
    page = render(predictions, tmp_path)
    assert "0 capture event" not in page.text


def test_events_are_refused(tmp_path):
    with pytest.raises(InputError, match="one row per picture"):
        write_report(make().by_event(), tmp_path / "r.html")


def test_the_same_predictions_make_the_same_page(tmp_path):
    write_report(make(), tmp_path / "a.html")
    write_report(make(), tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize("number", [0, 1, 5, 12])
def test_number_of_examples(number):
    predictions = make(labels=False)
    right = np.full(40, NAN)
    shown = cards.sections(predictions, right, None, number)
    paths = [card.path for section in shown for card in section.cards]
    assert len(paths) == number == len(set(paths))


def test_examples_are_right_or_wrong_as_their_section_says():
    predictions = make(200)
    truths, answers = predictions.truths(), predictions.answers()
    right = (truths == answers).fillna(False).to_numpy(bool).astype(float)
    first, second = cards.sections(predictions, right, None, 10)
    assert all(card.answer[0].right for card in first.cards)
    assert not any(card.answer[0].right for card in second.cards)
    # As many different true species as there is room for: three and 'empty'.
    assert len({card.truth.split(",")[0] for card in second.cards}) == 4


def test_a_card_by_hand():
    ids = pd.DataFrame({"path": ["a.jpg"]})
    classes = {"empty": BINARY, "species": SPECIES, "count": ("1", "2", "11-50"), "babies": BINARY}
    probabilities = {
        "empty": [[0.9, 0.1]], "species": [[0.1, 0.2, 0.7]], "count": [[0.2, 0.3, 0.5]],
        "babies": [[0.4, 0.6]],
    }  # fmt: skip
    labels = {"empty": [0], "species": [2], "count": [1], "babies": [1]}
    card = cards.card(
        Predictions(
            ids,
            classes,
            {head: np.array(p, np.float32) for head, p in probabilities.items()},
            {head: np.array(y) for head, y in labels.items()},
        ),
        0,
        None,
    )
    assert card.truth == "striped skunk, 2 animals, babies"
    parts = [(part.text, part.right) for part in card.answer]
    assert parts == [("striped skunk", True), ("11-50 animals", False), ("babies", True)]
    titles = [title for title, _, _ in card.lists]
    assert titles == ["", "Species", "Number", "Behaviour"]
    assert [bar.name for bar in card.lists[2][2]] == ["11-50", "2", "1"]
    assert [bar.true for bar in card.lists[2][2]] == [False, True, False]


def test_thumbnail(pictures):
    uri = cards.thumbnail(pictures / "site/000.jpg")
    assert uri is not None and uri.startswith("data:image/jpeg;base64,")
    decoded = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert decoded.size == (480, 360)
    assert cards.thumbnail(pictures / "site/003.jpg") is None
    assert cards.thumbnail(pictures / "site/004.jpg") is None


def test_examples_show_their_boxes(pictures, tmp_path):
    predictions = make()
    species, animal = predictions.probabilities["species"], predictions.probabilities["empty"]
    species[:2], animal[:2] = [0.1, 0.8, 0.1], [1, 0]
    rows = pd.DataFrame(
        [
            ("site/000.jpg", 0.9, 0.0, 0.0, 0.25, 0.5, ""),
            ("site/000.jpg", 0.8, 0.5, 0.5, 0.5, 0.5, ""),
            ("site/001.jpg", 0.8, 0.5, 0.5, 0.5, 0.5, ""),
        ],
        columns=list(COLUMNS),
    )
    own = np.float32([[0.1, 0.6, 0.3], [0.1, 0.1, 0.8], [NAN] * 3])
    boxes = NamedBoxes(rows.astype(COLUMNS), SPECIES, own, 0.2)
    several, one = (cards.card(predictions, row, pictures, boxes=boxes) for row in (0, 1))
    assert (several.boxes, one.boxes) == ("1: lion, 2: striped skunk", "")
    assert several.picture is not None
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(several.picture.split(",")[1]))))
    orange = drawn[..., 0] > 80  # the picture has no red
    # The sides of the first box, 120 x 180 of 480 x 360, and of the second, 240 x 180.
    assert orange[100, 120] and orange[180, 60] and orange[250, 240] and orange[180, 300]
    assert not orange[100, 60] and not orange[270, 360]
    page = render(predictions, tmp_path, images_root=pictures, examples=38, boxes=boxes)
    assert "Boxes 1: lion, 2: striped skunk" in page.text


@pytest.mark.parametrize("share", np.linspace(0, 1, 21))
def test_ink_on_every_shade_is_readable(share):
    colours = re.findall(r"#([0-9a-f]+)", tables.shade(share))
    lights = []
    for colour in colours:
        pairs = re.findall("..", colour) if len(colour) == 6 else [digit * 2 for digit in colour]
        lights.append(tables.luminance(np.array([int(pair, 16) for pair in pairs])))
    low, high = sorted(lights)
    assert (high + 0.05) / (low + 0.05) >= 4.5  # WCAG 2, level AA


def test_species_table_by_hand():
    ids = pd.DataFrame({"path": list("abcd"), "event_id": ["x", "x", "y", "z"]})
    p = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.2, 0.8, 0], [NAN] * 3], np.float32)
    labels = {"species": np.array([0, 1, 1, 1])}
    predictions = Predictions(ids, {"species": SPECIES}, {"species": p}, labels, labels)
    hare, lion = tables.species(predictions)
    assert (hare["name"], hare["said"], hare["events"], hare["true"]) == ("hare", 2, 1, 1)
    assert (hare["found"], hare["right"]) == (1.0, 0.5)
    assert (lion["said"], lion["true"], lion["found"]) == (1, 3, pytest.approx(1 / 3))
    matrix = tables.confusion(predictions)
    assert matrix["columns"] == ["lion", "hare", "no answer"]
    cells = [[cell["count"] for cell in row["cells"]] for row in matrix["rows"]]
    assert cells == [[1, 1, 1], [0, 1, 0]]
    first = tables.mistakes(predictions)[0]
    assert (first["truth"], first["count"], first["share"]) == ("lion", 1, pytest.approx(1 / 3))


def species_only(confidence: np.ndarray, labels: np.ndarray) -> Predictions:
    ids = pd.DataFrame({"path": [str(i) for i in range(len(labels))]})
    p = np.stack([confidence, 1 - confidence], axis=1).astype(np.float32)
    labelled = {"species": labels} if (labels >= 0).any() else {}
    return Predictions(ids, {"species": ("hare", "lion")}, {"species": p}, labelled, labelled)


def drawn(predictions: Predictions) -> dict[str, figures.Drawing]:
    scores = metrics.evaluate(predictions)
    drawings = figures.draw(predictions, metrics.right_answers(predictions), scores)
    return {drawing.name: drawing for drawing in drawings}


def test_figures_say_what_they_show():
    confidence = np.array([0.95] * 10 + [0.504] * 10)
    found = drawn(species_only(confidence, np.repeat([0, 1], 10)))
    assert list(found) == ["right-and-wrong", "kept", "coverage", "reliability", "classes"]
    first = found["right-and-wrong"]
    assert "(50% of all), 100% are right; of the others, 0%" in first.note
    assert "a threshold of 51% accepts 50%" in found["kept"].note
    # |0.95 - 1| and |0.504 - 0|, half of the pictures each.
    assert (
        "species 27.7%, where a perfectly calibrated model would show up to"
        in found["reliability"].note
    )
    assert "species: none is accepted at 99%" in found["coverage"].note
    assert "from lion (10) to hare (10)" in found["classes"].note
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", first.svg)
    (alone,) = drawn(species_only(confidence, np.full(20, -1))).values()
    assert "50% of the answers" in alone.note
    assert drawn(species_only(np.full(3, NAN), np.full(3, -1))) == {}


def test_reliability_shows_what_calibration_did():
    predictions = species_only(np.full(20, 0.75), np.repeat([0, 1], [15, 5]))
    predictions.info["temperatures"] = {"species": 2.0}
    # Calibrated to 75%, right in 75%; before, it said 90% (odds of 9 for 3).
    note = drawn(predictions)["reliability"].note
    assert "species 0% (15.0% before calibration), where" in note


def test_figure_files(tmp_path):
    render(make(), tmp_path, figures_folder=tmp_path / "figures")
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    stems = ("right-and-wrong", "kept", "coverage", "reliability", "classes")
    assert names == {stem + suffix for stem in stems for suffix in (".svg", ".png")}
    with Image.open(tmp_path / "figures" / "kept.png") as picture:
        assert picture.width == 1280  # 6.4 inches, 200 dots each


def test_sections_of_evaluation(tmp_path, pictures):
    predictions = make()
    predictions.ids["site"] = pd.array(["north", "south"] * 20, "string")
    page = render(
        predictions, tmp_path, images_root=pictures, validation=make(seed=1),
        others={"new <sites>": make(seed=2)},
    )  # fmt: skip
    check_self_contained(page)
    for words in (
        "Known and unknown pictures", "new <sites>", "What can be left to it",
        "96.6% of the automatic answers right", "How the pictures of an event make one answer",
        "(chosen)", "Where it fails", "north", "95% interval",
    ):  # fmt: skip
        assert words in page.text


def test_unlabelled_pictures_have_no_sections_of_evaluation(tmp_path):
    text = render(make(labels=False), tmp_path).text
    assert "Where it fails" not in text and "What can be left to it" not in text


def run_command(*arguments: str) -> None:
    values = flags.FlagValues()
    command.define(values)
    command.run(values, values(["camtrap report", *arguments])[1:])


def test_command(tmp_path, pictures, caplog):
    make().write(tmp_path / "p.parquet")
    out = tmp_path / "sub" / "report.html"
    with caplog.at_level("INFO", logger="camtrap"):
        run_command(
            f"--predictions={tmp_path / 'p.parquet'}", f"--out={out}", f"--images={pictures}",
            "--title=Spring", "--examples=4", f"--compare=again={tmp_path / 'p.parquet'}",
        )  # fmt: skip
    assert "40 pictures, 2 unreadable" in caplog.text and str(out) in caplog.text
    page = Page(out.read_text(encoding="utf-8"))
    assert "again" in page.text
    assert "Spring" in page.text and len(page.all("img")) <= 4


def test_command_with_a_wrong_folder(tmp_path):
    make().write(tmp_path / "p.parquet")
    with pytest.raises(InputError, match="--images is an existing folder"):
        run_command(
            f"--predictions={tmp_path / 'p.parquet'}", f"--out={tmp_path / 'r.html'}",
            f"--images={tmp_path / 'absent'}",
        )  # fmt: skip


def test_pictures_read_with_their_events_are_scored_both_ways():
    found = with_event.read(make(), 0.9)
    rows = {row["question"]: row for row in tables.accuracy(metrics.evaluate(found), found)}
    alone = rows["Which species? Each picture by itself"]
    plain = metrics.evaluate(make())["images"]["heads"]["species"]
    assert (
        alone["pictures"] == plain["top1"] and alone["events"] == rows["Which species?"]["events"]
    )
    assert rows["Which species?"]["pictures"] != alone["pictures"]
