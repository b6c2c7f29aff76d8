"""What quickstart decides, and how it goes on; the verbs themselves are tested elsewhere."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.commands import Ending
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.hardware import Hardware
from camtrap_tf.events.table import EventTable
from data_prep import quickstart
from data_prep.prepare import prepare
from data_prep.quickstart import Project, Request, Source
from data_prep.verbs import quickstart as verb

PLAIN = Hardware(2)


@pytest.fixture
def write(tmp_path):
    """Writes pictures and a list of labels, `names` by the folder that they lie in."""

    def written(names, header="path,species"):
        rng, rows = np.random.default_rng(0), [header]
        for number, (folder, species) in enumerate(names):
            path = tmp_path / "pictures" / folder / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(path)
            rows.append(f"{folder}/{number}.png,{species}")
        (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
        return tmp_path

    return written


def project_of(folder, **request):
    asked = Request(str(folder / "pictures"), str(folder / "labels.csv"), **request)
    source, labelled = quickstart.recognise(asked, yes=False)
    assert labelled
    return Project(folder / "out", asked, source)


def decided(folder, **request):
    project = project_of(folder, **request)
    table = prepare(project.source.metadata, None, project.source.source, **project.source.options)
    return quickstart.decide(project, table, PLAIN)


MIXED = [("A", ("fox", "elk", "empty")[n % 3]) for n in range(30)]


def test_two_stages_where_there_are_empty_pictures_and_two_species(write):
    project, rows = decided(write(MIXED), epochs=2)
    told = dict(rows)
    assert project.decision.tasks == ("empty", "animal")
    # Of each class of ten, eight are learnt from.
    assert told["networks"] == (
        "two: empty or not, from 8 empty pictures and 16 with an animal; which of 2 species"
    )
    assert told["split"].startswith("--split=class: Not by site: no event has a site.")
    assert told["pictures"].endswith("pictures: of 30 paths tried, 30 lead to a picture")
    assert told["caution"].startswith("only 24 pictures to learn from: ")
    assert "about " in told["time"]
    # Single pictures compare with nothing; the number of epochs was given.
    assert project.decision.changes == (
        "model.context=none", "augment.hide_context=0", "train.epochs=2",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("names", "known"),
    [
        ([("A", ("fox", "elk")[n % 2]) for n in range(20)], "one: which of 2 species"),
        ([("A", ("fox", "empty")[n % 2]) for n in range(20)], "one: empty, or which of 1 species"),
    ],
)
def test_else_one_stage(write, names, known):
    project, rows = decided(write(names))
    assert project.decision.tasks == ("one_stage",)
    assert dict(rows)["networks"] == known


def test_one_class_is_refused(write):
    with pytest.raises(InputError, match=r"at least two, .*received '20 pictures in .*: 20 fox'"):
        decided(write([("A", "fox")] * 20))


def test_the_verbs_follow_from_the_decision(write):
    folder = write(MIXED)
    project, _ = decided(folder)
    out, images = folder / "out", folder / "pictures"
    verbs = [str(step.command) for step in quickstart.steps(project)]
    assert verbs[:3] == [
        f"camtrap shard --events={out}/events.parquet --images={images} --out={out}/shards "
        "--split=class --size=128",
        *(
            f"camtrap train --shards={out}/shards --task={task} --run={out}/runs/{task} "
            "--preset=quick --set=model.context=none --set=augment.hide_context=0"
            for task in ("empty", "animal")
        ),
    ]
    assert [line.split()[1] for line in verbs[3:]] == [
        "bundle", "evaluate", "evaluate", "report", "predict",
    ]  # fmt: skip
    assert verbs[-1] == (
        f"camtrap predict {images} --bundle={out}/bundle --events={out}/events.parquet "
        f"--out={out}/answers"
    )


def test_few_labels_are_probed_where_both_weights_are_here(write, monkeypatch):
    from camtrap_tf.core import cache

    folder = write(MIXED)
    monkeypatch.setattr(cache, "has_lite", lambda name: True)
    monkeypatch.setattr(cache, "has_detector", lambda: False)
    assert decided(folder)[0].decision.preset == "quick"
    monkeypatch.setattr(cache, "has_detector", lambda: True)
    project, rows = decided(folder)
    assert dict(rows)["recipe"].startswith("camtrap probe --view=both: fewer than 500 pictures")
    out, images = folder / "out", folder / "pictures"
    verbs = [str(step.command) for step in quickstart.steps(project)]
    found = f"--detections={out}/boxes/detections.json"
    assert verbs[0] == (
        f"camtrap detect {out}/events.parquet {images} --images={images} --out={out}/boxes"
    )
    assert verbs[1].startswith("camtrap shard ") and verbs[1].endswith(f" --crops {found}")
    assert verbs[2:4] == [
        f"camtrap probe --shards={out}/shards --view=both --run={out}/runs",
        f"camtrap bundle --run={out}/runs --out={out}/bundle",
    ]
    assert verbs[-1].endswith(f" {found} --out={out}/answers")
    before = dataclasses.replace(project.decision, crops=False)  # begun by an earlier version
    begun = quickstart.steps(dataclasses.replace(project, decision=before))
    assert str(list(begun)[1].command).endswith(f"--view=both --images={images} --run={out}/runs")
    project.write()
    assert quickstart.begun(project.folder, project.request) == project


def test_more_labels_train_beside_probes(write, monkeypatch):
    from camtrap_tf.core import cache

    folder = write(MIXED)
    monkeypatch.setattr(cache, "has_lite", lambda name: True)
    monkeypatch.setattr(cache, "has_detector", lambda: True)
    project, rows = decided(folder, epochs=2)  # which a probe has not got
    assert project.decision.preset == "quick" and project.decision.crops
    assert "beside it linear heads on features" in dict(rows)["recipe"]
    out = folder / "out"
    verbs = [str(step.command) for step in quickstart.steps(project)]
    shared = f"--shards={out}/shards"
    assert verbs[2] == f"camtrap probe {shared} --view=both --run={out}/runs/probe"
    assert verbs[3].startswith(f"camtrap train {shared} --task=empty --run={out}/runs/empty ")
    assert verbs[4].startswith(
        f"camtrap train {shared} --task=animal --view=crop --run={out}/runs/animal "
    )
    assert verbs[5] == (
        f"camtrap bundle --run={out}/runs/probe --run={out}/runs/empty --run={out}/runs/animal "
        f"--out={out}/bundle"
    )


def test_a_folder_above_or_below_the_paths(write):
    folder = write(MIXED)
    asked = Request(str(folder), str(folder / "labels.csv"))
    source, _ = quickstart.recognise(asked, yes=False)
    table = prepare(source.metadata, None, source.source, **source.options)
    above, _ = quickstart.decide(Project(folder / "out", asked, source), table, PLAIN)
    assert above.decision.images == above.decision.answered == str(folder / "pictures")
    asked = Request(str(folder / "pictures" / "A"), str(folder / "labels.csv"))
    below, _ = quickstart.decide(Project(folder / "out", asked, source), table, PLAIN)
    assert below.decision.images == str((folder / "pictures").resolve())
    assert below.decision.answered == str(folder / "pictures" / "A")


def test_pictures_without_labels(write, capsys):
    folder = write(MIXED) / "pictures"
    (folder / "A").rename(folder / "cam1")
    (folder / "cam2").mkdir()
    (folder / "cam1" / "0.png").rename(folder / "cam2" / "0.png")
    out = folder.parent / "out"
    assert cli.main(["quickstart", str(folder), f"--out={out}"]) == 2
    assert "cameras (--folders=cameras) or species" in capsys.readouterr().err
    assert cli.main(["quickstart", str(folder), f"--out={out}", "--yes"]) == 0
    said = capsys.readouterr().out.splitlines()
    command = ["quickstart", str(folder), f"--out={folder.parent / 'told'}", "--folders=cameras"]
    assert cli.main(command) == 0
    assert capsys.readouterr().out.splitlines()[0] == said[0]
    assert said[0].endswith("No file says what is on the pictures.")
    assert said[1] == "Next: label some yourself, in the browser:"
    assert said[2] == f"        camtrap review {out}/events.parquet --images={folder}"
    assert len(EventTable.read(out / "events.parquet").labels) == 0
    # Pictures in no folders are those of one camera, which is no question.
    flat = folder / "cam1"
    assert cli.main(["quickstart", str(flat), f"--out={folder.parent / 'flat'}"]) == 0


def test_a_folder_without_pictures(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for folder, says in (("empty", "It holds neither"), ("none", "is an existing folder")):
        out = f"--out={tmp_path / 'out'}"
        assert cli.main(["quickstart", str(tmp_path / folder), out]) == 2
        assert says in capsys.readouterr().err


class Stopped(Exception):
    """What stands in for a power cut."""


def test_a_project_goes_on_where_it_was_stopped(write, monkeypatch):
    folder = write(MIXED)
    values = verb.flags.FlagValues()
    verb.define(values)
    values(["q", f"--labels={folder / 'labels.csv'}", f"--out={folder / 'out'}"])
    monkeypatch.setattr(verb, "_ending", lambda project: Ending(str(project.decision.size)))
    ran, stop_at = [], ["bundle"]

    def camtrap(name, arguments):
        if name in stop_at:
            raise Stopped
        ran.append(name)
        if name == "prepare":
            return cli.call(name, arguments)
        for word in arguments:  # what the verb would write last
            if name == "evaluate" and word.startswith("--out="):
                path = folder / word.removeprefix("--out=") / "metrics.json"
                path.parent.mkdir(parents=True)
                path.touch()
        return None

    with pytest.raises(Stopped):
        verb.run(values, [str(folder / "pictures")], camtrap)
    assert ran == ["prepare", "shard", "train", "train"]
    kept = json.loads((folder / "out" / "project.json").read_text())
    assert kept["decision"]["split"] == "class"
    ran.clear()
    stop_at[:] = ["report"]
    with pytest.raises(Stopped):
        verb.run(values, [str(folder / "pictures")], camtrap)
    assert ran == ["shard", "train", "train", "bundle", "evaluate", "evaluate"]
    ran.clear()
    stop_at.clear()
    # Nothing is decided anew, even on another machine.
    monkeypatch.setattr(verb.hardware, "look", lambda: Hardware(8, gpus=4))
    assert verb.run(values, [str(folder / "pictures")], camtrap).tally == "128"
    assert ran == ["shard", "train", "train", "bundle", "report", "predict"]


def test_a_project_is_for_the_same_pictures(write):
    project, _ = decided(write(MIXED))
    project.write()
    again = quickstart.begun(project.folder, project.request)
    assert again == project
    other = Request(project.request.pictures, "", 3)
    with pytest.raises(InputError, match=r"labels: .*labels.csv, now none; epochs: none, now 3"):
        quickstart.begun(project.folder, other)
    assert quickstart.begun(project.folder / "other", other) is None


def test_an_event_table_needs_no_source(write):
    folder = write(MIXED)
    table = folder / "reviewed.parquet"
    prepare(folder / "labels.csv", table)
    source, labelled = quickstart.recognise(Request(str(folder), str(table)), yes=False)
    assert (source, labelled) == (Source("", str(table), {}), True)
    project = Project(folder / "out", Request(str(folder), str(table)), source)
    assert quickstart.prepare_step(project) == []
    assert project.events == table


@pytest.mark.slow
def test_the_whole_chain(write, capsys):
    folder = write([("AB"[n % 2], ("fox", "elk", "empty")[n % 3]) for n in range(90)])
    command = ["quickstart", str(folder / "pictures"), f"--labels={folder / 'labels.csv'}"]
    command += [f"--out={folder / 'out'}", "--epochs=1"]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith("\nDone. 90 pictures: ")
    assert "\n  empty or not: " in said
    assert (
        f"\nThe report: {folder}/out/report.html\nNext: camtrap review {folder}/out/answers" in said
    )
    found = {path.name for path in (folder / "out").iterdir()}
    assert found == {
        "project.json", "events.parquet", "shards", "runs", "bundle", "evaluation", "report.html",
        "answers",
    }  # fmt: skip
    assert cli.main(command) == 0  # there is nothing left to do
