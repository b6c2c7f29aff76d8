"""The camera's side decides once about each event, without TensorFlow."""

import dataclasses
import datetime
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.core.errors import InputError
from export.edge import carried, journal
from export.edge.bursts import File, is_over
from export.edge.cli import main
from export.edge.model import Answer, EdgeModel
from export.edge.policy import RULES, Action, Policy, Verdict, judge, parse_rule

ROOT = Path(__file__).parents[2]
COLOURS = {"red": (230, 90, 90), "blue": (90, 90, 230), "grey": (100, 100, 100)}
NOON = datetime.datetime(2024, 5, 1, 12)


def save(path: Path, colour: str, taken: datetime.datetime | None) -> None:
    base = np.full((60, 80, 3), 95, np.uint8)
    base[15:45, 20:60] = COLOURS[colour]
    exif = Image.Exif()
    if taken:
        exif[0x0132] = taken.strftime("%Y:%m:%d %H:%M:%S")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(base).save(path, quality=95, exif=exif)


def after(seconds: float) -> datetime.datetime:
    return NOON + datetime.timedelta(seconds=seconds)


@pytest.fixture
def card(tmp_path) -> Path:
    """Two cameras: a red burst, a grey one, a blue one; a damaged file without a time."""
    root = tmp_path / "card"
    for number, (seconds, colour) in enumerate(
        [(0, "red"), (1, "red"), (60, "grey"), (61, "grey"), (120, "grey"), (125, "red")]
    ):
        save(root / "cam1" / f"{number}.jpg", colour, after(seconds))
    save(root / "cam2" / "0.jpg", "blue", after(0))
    save(root / "cam2" / "timeless.jpg", "grey", None)
    (root / "cam2" / "cut.jpg").write_bytes((root / "cam2" / "timeless.jpg").read_bytes()[:-200])
    return root


def decisions(log: Path) -> dict[str, str]:
    return {entry["event"]: entry["decision"] for entry in journal.read(log)}


def test_events_are_decided_once(card, lite, tmp_path):
    arguments = ["watch", str(card), f"--model={lite}", "--once", "--send=species:blue"]
    assert main([*arguments, f"--outbox={tmp_path / 'out'}"]) == 0
    log = card / "decisions.jsonl"
    assert decisions(log) == {
        "cam1/0.jpg": "keep",
        "cam1/2.jpg": "drop",
        "cam1/4.jpg": "keep",  # one of its two frames shows an animal
        "cam2/0.jpg": "transmit",
        "cam2/cut.jpg": "keep",  # unreadable
        "cam2/timeless.jpg": "drop",
    }
    entries = {entry["event"]: entry for entry in journal.read(log)}
    assert entries["cam1/0.jpg"]["species"] == "red"
    assert entries["cam1/0.jpg"]["frames"] == ["cam1/0.jpg", "cam1/1.jpg"]
    assert "damaged" in entries["cam2/cut.jpg"]["unreadable"]["cam2/cut.jpg"]
    assert entries["cam2/0.jpg"]["bytes"] == (card / "cam2" / "0.jpg").stat().st_size
    sent = list((tmp_path / "out").iterdir())
    assert [file.name for file in sent] == [entries["cam2/0.jpg"]["outbox"]]
    assert sent[0].read_bytes() == (card / "cam2" / "0.jpg").read_bytes()
    before = log.read_bytes()
    assert main([*arguments, f"--outbox={tmp_path / 'out'}"]) == 0
    assert log.read_bytes() == before
    assert len(list(card.rglob("*.jpg"))) == 9  # nothing was deleted


def test_pictures_are_deleted_only_when_told(card, lite):
    arguments = ["watch", str(card), f"--model={lite}", "--once"]
    main(arguments)
    assert len(list(card.rglob("*.jpg"))) == 9
    main([*arguments, "--delete_dropped"])  # decided before, deleted now
    left = sorted(file.relative_to(card).as_posix() for file in card.rglob("*.jpg"))
    assert left == [
        "cam1/0.jpg", "cam1/1.jpg", "cam1/4.jpg", "cam1/5.jpg", "cam2/0.jpg", "cam2/cut.jpg",
    ]  # fmt: skip


def test_what_was_not_read_is_not_deleted(lite, tmp_path):
    save(tmp_path / "cam" / "1.jpg", "grey", NOON)
    save(tmp_path / "cam" / "2.jpg", "grey", after(1))
    cut = tmp_path / "cam" / "2.jpg"
    cut.write_bytes(cut.read_bytes()[:-200])
    main(["watch", str(tmp_path), f"--model={lite}", "--once", "--delete_dropped"])
    assert list(decisions(tmp_path / "decisions.jsonl").values()) == ["drop"]
    assert [file.name for file in (tmp_path / "cam").iterdir()] == ["2.jpg"]


def test_a_new_picture_under_an_old_name_is_decided_anew(lite, tmp_path):
    arguments = ["watch", str(tmp_path), f"--model={lite}", "--once"]
    picture = tmp_path / "cam" / "1.jpg"
    save(picture, "grey", NOON)
    main(arguments)
    save(picture, "red", after(3600))  # the card was formatted, the camera counts from 1 again
    main([*arguments, "--delete_dropped"])
    entries = list(journal.read(tmp_path / "decisions.jsonl"))
    assert [(e["event"], e["decision"]) for e in entries] == [
        ("cam/1.jpg", "drop"), ("cam/1.jpg", "keep"),
    ]  # fmt: skip
    assert picture.is_file()


def test_a_log_of_before_sizes_were_written_counts(lite, tmp_path):
    """What it decided is not decided again, and nothing that it dropped is removed."""
    arguments = ["watch", str(tmp_path), f"--model={lite}", "--once"]
    picture, log = tmp_path / "cam" / "1.jpg", tmp_path / "decisions.jsonl"
    save(picture, "grey", NOON)
    main(arguments)
    [entry] = journal.read(log)
    assert entry["decision"] == "drop" and entry.pop("sizes") == [picture.stat().st_size]
    log.write_text(json.dumps(entry) + "\n")
    main([*arguments, "--delete_dropped"])
    assert picture.is_file() and list(journal.read(log)) == [entry]


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("--threads=0", "at least 1, not 0"),
        ("--budget=-5", "at least 0, not -5"),
        ("--budget=2MB", "invalid int value: '2MB'"),
        ("--animal_threshold=7", "0 to 1, not 7"),
        ("--event_gap=-1", "at least 0, not -1"),
        ("--poll=nan", "at least 0, not nan"),
        ("--memory=0", "at least 8, not 0"),
    ],
)
def test_numbers_out_of_range_are_refused(flag, told, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["watch", str(tmp_path), "--model=none", flag])
    assert told in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_an_error(lite, tmp_path, capsys):
    arguments = ["watch", str(tmp_path), f"--model={lite}", "--once", f"--log={tmp_path}"]
    assert main(arguments) == 2
    assert "is an ordinary file" in capsys.readouterr().err


def test_half_a_line_is_cut_off_and_decided_anew(card, lite):
    arguments = ["watch", str(card), f"--model={lite}", "--once"]
    main(arguments)
    log = card / "decisions.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    main(arguments)
    assert log.read_bytes() == whole
    first, _, rest = whole.partition(b"\n")
    log.write_bytes(b"\0" * len(first) + b"\n" + rest)
    main(arguments)
    assert len(decisions(log)) == 6


def test_one_process_writes_a_log(tmp_path):
    held = journal.Journal(tmp_path / "log")
    with pytest.raises(InputError, match="one process writes a log"):
        journal.Journal(tmp_path / "log")
    held.close()
    journal.Journal(tmp_path / "log").close()


def numbered(path: Path, taken: datetime.datetime, position: int) -> None:
    """A picture that the camera calls one of three."""
    save(path, "red", taken)
    exif = Image.Exif()
    exif.update({0x0132: taken.strftime("%Y:%m:%d %H:%M:%S"), 0x010E: f"M {position}/3"})
    with Image.open(path) as image:
        image.save(path, quality=95, exif=exif)


def test_a_burst_is_the_same_events_everywhere(lite, colour_bundle, tmp_path):
    """Two triggers of three numbered pictures each, 15 s apart, with a gap of 10 s."""
    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.prediction.job import Job
    from camtrap_tf.prediction.predict import Options, predict

    for number in range(6):
        picture = tmp_path / "card" / "cam" / f"IMG_{number + 1:04}.JPG"
        numbered(picture, after(15 * number), number % 3 + 1)
    names = [f"cam/IMG_{number:04}.JPG" for number in range(1, 7)]
    assert main(["watch", str(tmp_path / "card"), f"--model={lite}", "--once"]) == 0
    entries = journal.read(tmp_path / "card" / "decisions.jsonl")
    assert [entry["frames"] for entry in entries] == [names[:3], names[3:]]
    for size, blocks in ((512, [6]), (2, [3, 3])):
        options = Options(gap_seconds=10, batch_size=2, block_size=size)
        out = tmp_path / f"blocks of {size}"
        path = predict([tmp_path / "card"], colour_bundle, out, options)
        rows = Predictions.read(path).ids.sort_values("path")
        assert rows["event_id"].tolist() == 3 * [names[0]] + 3 * [names[3]]
        assert rows["frame"].tolist() == [0, 1, 2, 0, 1, 2]
        assert [len(block) for block in Job(out, {}).blocks()] == blocks


def test_an_event_is_over_when_nothing_is_added():
    event = [File("a/1.jpg", modified=100.0), File("a/2.jpg", modified=103.0)]
    assert not is_over(event, 112.0, 10.0, 2.0)
    assert is_over(event, 115.0, 10.0, 2.0)
    assert is_over([File("a/1.jpg", modified=1e9)], 0.0, 10.0, 2.0)


def test_a_trigger_is_over_when_its_last_picture_is_there():
    first = File("a/1.jpg", position=1, total=2, modified=100.0)
    second = File("a/2.jpg", position=2, total=2, modified=130.0)
    assert not is_over([first], 125.0, 10.0, 2.0)
    assert is_over([first], 162.0, 10.0, 2.0)  # 60 s and 2 s: no more will come
    assert is_over([first, second], 142.0, 10.0, 2.0)


def test_rules_and_the_budget():
    sure = Verdict(True, True, 0.99, "blue", 0.95, True)
    unsure = Verdict(True, True, 0.6, "red", 0.5, False)
    empty = Verdict(True, False, 0.05, "", 0.95, True)
    told = {name: [rule(v) for v in (sure, unsure, empty)] for name, rule in RULES.items()}
    assert told == {
        "all": [True, True, True],
        "none": [False, False, False],
        "animal": [True, True, False],
        "confident": [True, False, False],
        "unsure": [False, True, False],
        "unknown": [False, False, False],
    }
    strange = dataclasses.replace(sure, species="unknown")
    assert RULES["unknown"](strange)
    policy = Policy(RULES["animal"], parse_rule("species:blue", ("blue", "red")), budget=1000)
    assert policy.decide(sure, 400, 600) == (Action.TRANSMIT, "send rule")
    assert policy.decide(sure, 401, 600) == (Action.KEEP, "budget spent")
    assert policy.decide(unsure, 1, 0) == (Action.KEEP, "keep rule")
    assert policy.decide(empty, 1, 0) == (Action.DROP, "not wanted")
    assert policy.decide(Verdict(False), 1, 0) == (Action.KEEP, "unreadable")
    with pytest.raises(InputError, match=r"received \['lion'\]"):
        parse_rule("species:lion", ("blue", "red"))
    with pytest.raises(InputError, match="a rule is all, none"):
        parse_rule("sometimes", ())


def test_a_verdict_by_hand(lite):
    model = EdgeModel(lite)
    assert model.species == ("blue", "red")
    answers = [
        Answer(0.6, np.array([0.9, 0.1])),
        Answer(0.8, np.array([0.5, 0.5])),
        Answer(0.2, None),
        None,
    ]
    verdict = judge(answers, model)
    assert (verdict.animal, verdict.species, verdict.best) == (True, "blue", 1)
    assert verdict.probability == pytest.approx((0.6 * 0.9 + 0.8 * 0.5) / 1.4)  # by animal
    assert not verdict.automatic
    assert judge([Answer(0.05, None)], model).probability == pytest.approx(0.95)
    assert not judge([None], model).readable


def test_what_belongs_to_different_exports_is_refused(lite, tmp_path):
    copy = tmp_path / "animal-1.tflite"
    copy.write_bytes((lite / "animal-1.tflite").read_bytes())
    with pytest.raises(InputError, match="stage 1, with or without stage 2"):
        EdgeModel(copy)
    with pytest.raises(InputError, match="carries its labels"):
        carried.read(ROOT / "setup.py")
    assert EdgeModel(lite / "empty-0.tflite").species == ()


def test_nothing_that_a_camera_has_not_is_needed(lite, card):
    code = f"""
import sys
for name in (
    "tensorflow", "keras", "pandas", "pyarrow", "absl", "google_crc32c", "sklearn", "scipy"
):
    sys.modules[name] = None
from export.edge.cli import main
sys.exit(main(["answer", {str(card / "cam1" / "0.jpg")!r}, "--model={lite}"]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["species"] == "red"


@pytest.mark.slow
def test_twenty_power_cuts_lose_and_double_nothing(lite, tmp_path):
    card, log = tmp_path / "card", tmp_path / "log.jsonl"
    generator = random.Random(0)
    for number in range(400):
        colour = generator.choice(list(COLOURS))
        save(card / f"cam{number % 4}" / f"{number:03}.jpg", colour, after(number // 8 * 60))
    command = [sys.executable, "-m", "export.edge.cli", "watch", str(card), f"--model={lite}"]
    command += [f"--log={log}", f"--outbox={tmp_path / 'out'}", "--send=species:blue"]
    kills = 0
    while kills < 20:
        process = subprocess.Popen(
            [*command, "--poll=0.01", "--event_gap=0.5"], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        try:
            lines = _lines(log)
            while _lines(log) == lines and process.poll() is None and lines < 200:
                time.sleep(0.002)
            time.sleep(generator.uniform(0, 0.03))
            assert process.poll() is None  # it watches until it is killed
        finally:
            process.kill()
            process.wait()
        kills += 1
    assert main([*command[3:], "--once", "--event_gap=0.5"]) == 0
    entries = list(journal.read(log))
    frames = [path for entry in entries for path in entry["frames"]]
    assert sorted(frames) == sorted(f.relative_to(card).as_posix() for f in card.rglob("*.jpg"))
    assert len(entries) == 200
    again = tmp_path / "again.jsonl"
    main([*command[3:5], f"--model={lite}", f"--log={again}", "--once", "--event_gap=0.5",
          f"--outbox={tmp_path / 'out2'}", "--send=species:blue"])  # fmt: skip
    assert decisions(log) == decisions(again)
    sent = [entry["outbox"] for entry in entries if entry["sent"]]
    assert sorted(sent) == sorted(
        file.name for file in (tmp_path / "out").iterdir() if not file.name.startswith(".tmp-")
    )


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0
