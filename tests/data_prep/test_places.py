import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable
from data_prep.sources.places import Place, locate


def table(*paths):
    ids = pd.DataFrame({"event_id": list(paths)})
    return EventTable(ids, ids.assign(path=list(paths)), ids.assign(species="fox"))


@pytest.fixture
def project(tmp_path):
    for name in ("site1/a.jpg", "site1/b.jpg", "site2/c.jpg"):
        path = tmp_path / "project" / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "labels").mkdir()
    return tmp_path / "project"


@pytest.mark.parametrize(
    ("paths", "given", "found"),
    [
        (["site1/a.jpg", "site2/c.jpg"], "images", "images"),
        (["images/site1/a.jpg"], "images", "."),  # one folder too deep
        (["site1/a.jpg"], ".", "images"),  # one folder too high
        (["project/images/site1/a.jpg"], "images", ".."),
        (["a.jpg", "b.jpg"], ".", "images/site1"),
    ],
)
def test_the_folder_is_found(project, paths, given, found):
    place = locate(table(*paths), project / given)
    assert place.folder.resolve() == (project / found).resolve()
    assert (place.found, place.tried) == (len(paths), len(paths))


def test_most_of_the_pictures_decide(project):
    (project / "a.jpg").touch()
    assert locate(table("a.jpg", "b.jpg"), project) == Place(project / "images" / "site1", 2, 2)


def test_pictures_beside_the_metadata(project, tmp_path):
    place = locate(table("images/site1/a.jpg"), tmp_path / "labels", project / "labels.csv")
    assert place.folder == project


def test_no_picture_is_an_error_that_says_where_one_has_looked(project, tmp_path):
    with pytest.raises(InputError) as caught:
        locate(table("x/1.jpg", "x/2.jpg"), project)
    assert "none of 2 found, such as x/1.jpg" in str(caught.value)
    with pytest.raises(InputError, match="the metadata list pictures"):
        locate(table(), project)
