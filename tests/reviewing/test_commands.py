import pandas as pd
import pytest

from camtrap_tf import cli
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing.journal import Answer, Journal, Sighting, Verdict


@pytest.fixture
def results(small, tmp_path):
    small.write(tmp_path / "answers" / "predictions.parquet")
    journal = Journal(tmp_path / "answers" / "reviews.jsonl")
    lion = (Sighting("lion", "2"),)
    journal.append(Answer("e1", "kim", Verdict.ANIMAL, lion).to_json())
    journal.append(Answer("e3", "kim", Verdict.EMPTY).to_json())
    return tmp_path / "answers"


def test_every_format_takes_peoples_answers(results, tmp_path):
    arguments = ["convert", str(results / "predictions.parquet"), "--format=csv,megadetector"]
    arguments += [f"--reviews={results / 'reviews.jsonl'}", f"--out={tmp_path / 'tables'}"]
    assert cli.main(arguments) == 0
    table = pd.read_csv(tmp_path / "tables" / "predictions.csv")
    assert table["answer"].tolist() == ["hare", "hare", "lion", "empty", "empty", "empty", "empty"]
    assert table["reviewed_by"].tolist()[2] == "kim" and table["reviewed_by"].notna().sum() == 3


def test_peoples_answers_in_formats_that_their_validators_accept(
    small, results, tmp_path, valid, shared_data
):
    """Two species of one event, one of them unknown to the model."""
    small.ids["datetime"] = pd.Timestamp("2026-01-02 03:04:05")
    small.write(results / "predictions.parquet")
    both = (Sighting("hare", "1"), Sighting("Struthio camelus", "3+", {"moving": True}))
    journal = Journal(results / "reviews.jsonl")
    journal.append(Answer("e2", "kim", Verdict.ANIMAL, both).to_json())
    arguments = ["convert", str(results / "predictions.parquet"), f"--out={tmp_path / 'tables'}"]
    arguments += ["--format=megadetector,camtrap_dp", f"--reviews={results / 'reviews.jsonl'}"]
    arguments += ["--place=-2.5,34.8", "--time_zone=+03:00", "--project=Season"]
    arguments += ["--sampling_design=targeted", "--contributor=Kim"]
    assert cli.main(arguments) == 0
    valid("megadetector", tmp_path / "tables" / "megadetector.json")
    valid("camtrap_dp", tmp_path / "tables" / "camtrap_dp", shared_data / "camtrap_dp")
    rows = pd.read_csv(tmp_path / "tables" / "camtrap_dp" / "observations.csv")
    rows = rows[(rows["eventID"] == "e2") & (rows["observationLevel"] == "event")]
    assert rows["observationTags"].tolist() == [
        "label:hare | countBin:1", "label:Struthio camelus | countBin:3+",
    ]  # fmt: skip
    assert rows["count"].tolist() == [1, 3] and rows["behavior"].tolist()[1] == "moving"
    assert rows["classificationMethod"].tolist() == ["human", "human"]


def test_answers_become_an_event_table(results, tmp_path):
    out = tmp_path / "reviewed.parquet"
    assert cli.main(["review", str(results), f"--export_events={out}"]) == 0
    table = EventTable.read(out)
    assert table.labels[["event_id", "species"]].to_numpy().tolist() == [
        ["e1", "lion"], ["e3", "empty"],
    ]  # fmt: skip
    # An event table can be labelled without any model.
    again = tmp_path / "again.parquet"
    flags = [f"--reviews={results / 'reviews.jsonl'}", f"--export_events={again}"]
    assert cli.main(["review", str(out), *flags]) == 0
    assert EventTable.read(again).labels.equals(table.labels)
    assert cli.main(["review", str(results / "reviews.jsonl"), *flags]) == 2


def test_what_is_missing_is_told(results, capsys):
    assert cli.main(["review"]) == 2
    assert "review takes one folder" in capsys.readouterr().err
    assert cli.main(["review", str(results)]) == 2
    assert "review needs the pictures" in capsys.readouterr().err
    assert cli.main(["review", str(results), f"--images={results}", "--only=rare"]) == 2
    assert "--only is one of" in capsys.readouterr().err


def test_pictures_without_predictions_take_their_own_flags(tmp_path, capsys):
    (tmp_path / "cards").mkdir()
    assert cli.main(["review", str(tmp_path / "cards"), "--only=unsure", "--blind"]) == 2
    said = capsys.readouterr().err
    assert "received '--only, --blind'" in said and "camtrap predict" in said


def test_pictures_without_predictions_need_weights(tmp_path, capsys, monkeypatch):
    from camtrap_tf.networks.pretrained import weights

    monkeypatch.setattr(weights, "find", lambda name: None)
    (tmp_path / "cards").mkdir()
    assert cli.main(["review", str(tmp_path / "cards")]) == 2
    assert "camtrap weights get megadetector-lite lite0" in capsys.readouterr().err
    assert not (tmp_path / "cards_review").exists()
