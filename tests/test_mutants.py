"""The faults of `faults.py` fit the code, and planting them works as `mutants.py` says."""

import collections
import subprocess

import pytest

from tests import mutants
from tests.faults import FAULTS, Fault


def test_every_fault_can_be_planted():
    assert [problem for one in FAULTS if (problem := mutants.mismatch(one, mutants.ROOT))] == []


def test_no_fault_stands_twice():
    every = collections.Counter((one.file, one.line, one.change) for one in FAULTS)
    assert [fault for fault, number in every.items() if number > 1] == []


@pytest.fixture
def tree(tmp_path):
    """A checkout of one function and its test."""
    files = {
        "camtrap_tf/core/sums.py": "def total(values):\n    return sum(values)\n",
        "tests/test_sums.py": "from camtrap_tf.core.sums import total\n\n\n"
        "def test_total():\n    assert total([2, 3]) == 5\n",
        "tests/mutants.py": (mutants.ROOT / "tests/mutants.py").read_text(),
        "tests/faults.py": (mutants.ROOT / "tests/faults.py").read_text(),
        "camtrap_tf/core/startup.py": (mutants.ROOT / "camtrap_tf/core/startup.py").read_text(),
        "pyproject.toml": '[tool.pytest.ini_options]\nmarkers = ["slow"]\n',
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.slow
def test_a_fault_is_caught_or_survives_and_is_gone_afterwards(tree):
    file, tests = "camtrap_tf/core/sums.py", "tests/test_sums.py"
    wrong = Fault(file, "sum(values)", "max(values)", tests)
    same = Fault(file, "sum(values)", "sum(values) + 0", tests)
    endless = Fault(file, "return sum(values)", "while True: pass", tests)
    with mutants.copied(tree) as copy, mutants.Tests(copy, ["json"]) as runner:
        assert mutants.tried(wrong, copy, runner).caught
        assert not mutants.tried(same, copy, runner).caught
        assert (copy / file).read_text() == (tree / file).read_text()
        assert runner.run(tests, 60).status == mutants.PASSED
        (copy / file).write_text("def total(values):\n    while True: pass\n")
        assert runner.run(endless.tests, 3).status == mutants.HANGS


def test_a_row_that_fits_no_longer_is_told(tree):
    absent = Fault("camtrap_tf/core/sums.py", "max(values)", "sum(values)", "tests/test_sums.py")
    assert "occurs 0 times, not once" in mutants.mismatch(absent, tree)
    twice = absent._replace(line="values")
    assert "occurs 2 times" in mutants.mismatch(twice, tree)
    broken = absent._replace(line="sum(values)", change="sum(values")
    assert "it is no Python" in mutants.mismatch(broken, tree)
    untested = absent._replace(line="sum(values)", tests="tests/test_none.py")
    assert "no such tests" in mutants.mismatch(untested, tree)


def test_the_share_caught_leaves_out_equivalent_faults(capsys):
    one, two, three = (Fault("f", str(n), "x", "t", "no effect" * (n == 3)) for n in (1, 2, 3))
    results = {one: mutants.Result(mutants.FAILED, 1.0), two: mutants.Result(mutants.PASSED, 1.0)}
    assert mutants.summary([one, two, three], results) == 1
    said = capsys.readouterr().out
    assert "1 of 2 faults are caught (50.0%)" in said and "0 were not tried" in said
    assert "SURVIVES f: 2" in said and "equivalent f: 3" in said
