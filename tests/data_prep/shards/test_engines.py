"""The same shards from Beam's local runner and from Dask, and on a remote file system."""

import pytest

from camtrap_tf.core.artifacts import as_path
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.workers import beam, dask
from camtrap_tf.events.manifest import Manifest
from data_prep.shards import audit, write
from tests import odd_pictures
from tests.conftest import beam_warns, dask_warns
from tests.data_prep.shards.test_write import contents, damaged_exif, odd_plan

SPEC = PictureSpec(size=32)
TWO_WORKERS = [
    "--runner=FnApiRunner", "--direct_num_workers=2", "--direct_running_mode=multi_processing",
]  # fmt: skip
pytestmark = [*beam_warns, *dask_warns, damaged_exif]


@pytest.fixture
def folder(tmp_path):
    for kind in odd_pictures.KINDS:
        if kind.make:
            (tmp_path / kind.name).write_bytes(kind.make())
    return tmp_path


@pytest.mark.parametrize(
    "options", [["--runner=FnApiRunner"], pytest.param(TWO_WORKERS, marks=pytest.mark.slow)]
)
def test_beam_writes_the_same_bytes(folder, options):
    pytest.importorskip("apache_beam")
    write.write_shards(odd_plan(), folder, folder / "local", SPEC, processes=1)
    engine = beam.engine(options)
    write.write_shards(odd_plan(), folder, folder / "beam", SPEC, engine=engine)
    assert contents(folder / "beam") == contents(folder / "local")


def test_dask_writes_the_same_bytes(folder, two_workers):
    write.write_shards(odd_plan(), folder, folder / "local", SPEC, processes=1)
    engine = dask.engine(two_workers.scheduler_address)
    write.write_shards(odd_plan(), folder, folder / "dask", SPEC, engine=engine)
    assert contents(folder / "dask") == contents(folder / "local")


def test_shards_of_remote_pictures_on_a_remote_file_system(folder):
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe(f"/pictures/{path.name}", path.read_bytes())
    out = "memory://out/shards"
    for _ in range(2):  # the second finds everything there
        result = write.write_shards(odd_plan(), "memory://pictures", out, SPEC, processes=1)
    write.write_shards(odd_plan(), folder, folder / "local", SPEC, processes=1)
    remote = {path.name: path.read_bytes() for path in as_path(out).iterdir()}
    assert remote == contents(folder / "local")
    assert Manifest.read(out) == result
    audit.audit(out, processes=1)
    memory.rm("/out", recursive=True)
    memory.rm("/pictures", recursive=True)
