"""What `deploy/` holds, as the linters of Docker, Kubernetes and the shell see it."""

import pytest

from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
FILES = [
    ("dockerfile", DEPLOY / "Dockerfile"),
    ("shell", DEPLOY / "train.sbatch"),
    ("shell", ROOT / ".ci" / "run"),
    *(("kubernetes", path) for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))),
]


@pytest.mark.parametrize(("kind", "path"), FILES, ids=[path.name for _, path in FILES])
def test_linters_find_nothing(kind, path, valid):
    valid(kind, path)


@pytest.mark.parametrize(
    ("kind", "content", "found"),
    [
        ("dockerfile", "FROM debian\nRUN cd /x && make\n", "DL3006"),
        ("shell", "#!/bin/sh\nrm -r $1/*\n", "SC2086"),
        ("kubernetes", "apiVersion: batch/v1\nkind: Job\nspec:\n  backofLimit: 3\n", "backofLimit"),
    ],
)
def test_linters_find_faults(kind, content, found, valid, tmp_path):
    (tmp_path / "file").write_text(content)
    with pytest.raises(AssertionError, match=found):
        valid(kind, tmp_path / "file")
