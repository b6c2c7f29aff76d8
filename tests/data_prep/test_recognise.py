import json

import pytest

from camtrap_tf.core.errors import InputError
from data_prep.sources import read
from data_prep.sources.recognise import recognise

COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [],
    "categories": [{"id": 0, "name": "fox"}],
}  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def file(name, content=""):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, bytes | str) else json.dumps(content)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return file


@pytest.mark.parametrize(
    ("content", "source", "labels"),
    [
        (COCO, "coco", True),
        (COCO | {"images": [{"id": 1, "file_name": "a", "seq_id": "SER_S1#B04#1#1"}]}, "coco",
         True),  # a fox is none of LILA's species
        ({"images": [{"id": 1, "file_name": "a", "seq_id": "SER_S1#B04#1#1"}], "annotations": [],
          "categories": [{"id": 0, "name": "empty"}, {"id": 1, "name": "lioncub"}]}, "lila", True),
        ({"info": None, "images": [], "detection_categories": {"1": "animal"}}, "megadetector",
         True),
        ([{"file": "a.jpg", "detections": []}], "megadetector", True),
        ([{"image_file": "a.jpg"}], "megadetector", True),
        (["a/1.jpg", "a/2.jpg"], None, False),
        ({"resources": [{"name": name} for name in ("deployments", "media", "observations")]},
         "camtrap_dp", True),
        ({"predictions": []}, "speciesnet", True),
        ({"images": []}, None, False),
        ({"images": [{"file": "a.jpg", "detections": []}]}, "megadetector", True),
        ("{", None, False),
    ],
)  # fmt: skip
def test_json(write, content, source, labels):
    found = recognise(write("x.json", content))
    assert (found.source, found.has_labels) == (source, labels)
    assert found.uncertain == (source is None and "pictures" not in found.what
                               and "SpeciesNet" not in found.what)  # fmt: skip


def test_a_large_json_is_not_read_to_its_end(write, monkeypatch):
    from data_prep.sources import recognise as module

    monkeypatch.setattr(module, "_LARGE", 1)
    monkeypatch.setattr(module, "_END", 60)
    path = write("x.json", COCO | {"images": COCO["images"] * 50})
    assert recognise(path).source == "coco"


@pytest.mark.parametrize(
    ("text", "source", "columns"),
    [
        ("file,Label\na/1.jpg,fox\n", "csv", "path=file,species=Label"),
        ("RelativePath,File,Species,DateTime\ns1,1.jpg,fox,2020-01-01 10:00:00\n", "csv",
         "folder=RelativePath,file=File,species=Species,datetime=DateTime"),
        ("deployment_id,filename,wi_taxon_id,common_name,timestamp\nD1,1.jpg,t,Puma,\n", "csv",
         "folder=deployment_id,file=filename,species=common_name,site=deployment_id,"
         "datetime=timestamp"),
        ("Station,Species,Directory,FileName,Date,Time\nA,fox,d,1.jpg,2020-01-13,10:00\n", "csv",
         "folder=Directory,file=FileName,species=Species,site=Station,datetime=Date+Time"),
        ("filename;species\n1.jpg;fox\n", "csv", "path=filename,species=species"),
        ("folder,filename,species\nd,1.jpg,fox\n", "csv",
         "folder=folder,file=filename,species=species"),
        ("path\na/1.jpg\n", None, None),
        ("x,y\n1,2\n", None, None),
        ("subject_data,annotations\n{},[]\n", "zooniverse", None),
        ("subject_zooniverse_id,retire_reason\na,b\n", "zooniverse", None),
    ],
)  # fmt: skip
def test_tables(write, text, source, columns):
    found = recognise(write("x.csv", text))
    assert (found.source, found.options.get("columns")) == (source, columns)


def test_encoding_delimiter_and_dates_of_a_table(write):
    text = "sep=;\nBild;Art;Datum\nä/1.jpg;Reh;13.05.2020 10:00\nä/2.jpg;Fuchs;01.05.2020 10:00\n"
    found = recognise(write("x.csv", text.encode("utf-16")))
    assert (found.dialect.encoding, found.dialect.delimiter, found.dialect.skipped) == (
        "utf-16", ";", 1,
    )  # fmt: skip
    # 'Bild' is in no list of names: its values are names of pictures.
    assert found.options["columns"] == "path=Bild,species=Art"
    dated = recognise(write("y.csv", "path,species,date\n1.jpg,fox,13/05/2020 10:00\n"))
    assert dated.evidence[-1] == "Times in column date are like 13/05/2020 10:00, day first."
    asked = recognise(write("z.csv", "path,species,date\n1.jpg,fox,01/05/2020 10:00\n"))
    assert asked.uncertain
    assert asked.question == (
        "Is 01/05/2020 10:00 in column date day first (--dates=DMY) or month (--dates=MDY)?"
    )


def test_a_column_of_days_alone_is_no_time(write):
    rows = "filename,species,date\n1.jpg,fox,13.05.2020\n2.jpg,fox,14.05.2020\n"
    assert recognise(write("x.csv", rows)).options["columns"] == "path=filename,species=species"


def test_a_column_that_only_looks_like_species_is_asked_about(write):
    rows = "".join(f"{i}.jpg,{('fox', 'roe deer')[i % 2]},{i}\n" for i in range(6))
    found = recognise(write("x.csv", "pic,what_it_is,no\n" + rows))
    assert found.options["columns"] == "path=pic,species=what_it_is"
    assert found.question == "Does the column what_it_is say what is on the pictures?"


@pytest.mark.parametrize(
    ("files", "source"),
    [
        (["datapackage.json", "media.csv"], "camtrap_dp"),
        (["consensus_data.csv", "all_images.csv", "raw_data_for_dryad.csv"], "dryad"),
        (["raw_data_for_dryad.csv", "all_images.csv"], "dryad_raw"),
        (["manifest.json", "train-0.tfrecord"], None),
    ],
)
def test_folders_of_metadata(write, tmp_path, files, source):
    for name in files:
        write(name)
    found = recognise(tmp_path)
    assert (found.source, found.metadata, found.uncertain) == (source, tmp_path, False)


def test_a_pair_of_lila(write, tmp_path):
    write("S1_images.csv", "capture_id,image_rank_in_capture,image_path_rel\n")
    write("S1_annotations.csv", "capture_id,question__species\n")
    assert recognise(tmp_path).source == "lila"


def test_a_folder_with_one_file_of_metadata(write, tmp_path):
    write("a/1.jpg")
    coco = write("project.json", COCO)
    found = recognise(tmp_path)
    assert (found.source, found.metadata, found.uncertain) == ("coco", coco, False)
    # Detections are no labels of species, and no question beside them.
    write("md.json", {"images": [], "detection_categories": {}})
    assert recognise(tmp_path) == found
    write("labels.csv", "path,species\na/1.jpg,fox\n")
    asked = recognise(tmp_path)
    assert asked.uncertain
    assert asked.question.startswith("Are the labels in labels.csv, or in project.json")


@pytest.mark.parametrize(
    ("paths", "folders", "certain"),
    [
        (["fox/1.jpg", "roe_deer/2.jpg", "Rebhuhn/3.jpg"], "species", True),
        (["empty/1.jpg", "Reh/2.jpg"], "species", True),
        (["Vulpes vulpes/1.jpg", "Meles meles/1.jpg"], "species", True),
        (["cam1/1.jpg", "cam2/1.jpg"], "cameras", False),
        (["B04/100RECNX/1.jpg", "C12/100RECNX/1.jpg"], "cameras", False),
        (["2020-01-01/1.jpg", "2020-01-02/2.jpg"], "cameras", False),
        (["cam1/fox/1.jpg", "cam2/badger/1.jpg"], "cameras/species", True),
        (["north/fox/1.jpg", "south/badger/1.jpg"], "cameras/species", False),
        (["north/1.jpg", "south/1.jpg"], "species", False),
    ],
)  # fmt: skip
def test_folders_by_species_and_by_camera(write, tmp_path, paths, folders, certain):
    for path in paths:
        write(path)
    found = recognise(tmp_path)
    assert (found.source, found.options["folders"]) == ("folders", folders)
    assert found.uncertain != certain
    assert found.has_labels == (folders != "cameras")


def test_cameras_are_not_taken_for_species(write, tmp_path):
    for path in ("cam1/1.jpg", "cam2/1.jpg"):
        write(path)
    asked = r"cam1, cam2 look like cameras.*1.jpg lies in several .*or species \(--folders=species"
    with pytest.raises(InputError, match=asked):
        read("folders", tmp_path)
    table = read("folders", tmp_path, folders="cameras")
    assert (table.events["site"].tolist(), len(table.labels)) == (["cam1", "cam2"], 0)
    assert read("folders", tmp_path, folders="species").labels["species"].tolist() == [
        "cam1", "cam2",
    ]  # fmt: skip
    with pytest.raises(InputError, match="folders are one of species, cameras/species, cameras"):
        read("folders", tmp_path, folders="sites")


def test_species_within_cameras(write, tmp_path):
    for path in ("cam1/fox/1.jpg", "cam2/no animal/1.jpg", "cam2/2.jpg"):
        write(path)
    table = read("folders", tmp_path, folders="cameras/species")
    assert table.events["site"].tolist() == ["cam1", "cam2", "cam2"]
    assert sorted(table.labels["species"]) == ["empty", "fox"]


def test_lists_of_pictures_and_other_files(write, tmp_path):
    assert recognise(write("l.txt", "a/1.jpg\na/2.jpg\n")).what == "a list of pictures"
    assert recognise(write("t.txt", "path\tspecies\n1.jpg\tfox\n")).source == "csv"
    assert recognise(write("n.txt", "dear diary\n")).uncertain
    assert recognise(write("e.parquet")).what.startswith("an event table")
    assert recognise(write("p/a.jpg")).what == "a picture"
    assert "ends in .xlsx" in recognise(write("x.xlsx")).evidence[0]
    with pytest.raises(InputError, match="metadata are a file or a folder"):
        recognise(tmp_path / "none")


def test_the_samples(shared_data):
    found = {
        path: recognise(shared_data / path).source
        for path in ("camtrap_dp/example", "california", "caltech", "zooniverse", "varanger",
                     "serengeti/gold", "megadetector/example_v1.6.json", "ena24/labels.csv",
                     "camtrap_dp/example/media.csv", "serengeti/metadata/v2_1_cct_excerpt.json")
    }  # fmt: skip
    assert list(found.values()) == [
        "camtrap_dp", "coco", "coco", "zooniverse", "coco", "dryad", "megadetector", "csv",
        "camtrap_dp", "lila",
    ]  # fmt: skip


def test_an_encoding_that_is_told(write):
    path = write("x.csv", "Bild,Größe\n1.jpg,2\n".encode("cp850"))
    assert recognise(path, "cp850").dialect.header == ("Bild", "Größe")
