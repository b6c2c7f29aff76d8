"""Engines: the same results whoever does the tasks, and what each says when something fails."""

import json
import logging
import re
import subprocess
import sys
import time

import pytest
from absl import flags

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.workers import beam, dask, local, posted
from camtrap_tf.core.workers import flags as workers
from camtrap_tf.core.workers.work import Work
from tests import hands
from tests.conftest import beam_warns, dask_warns

pytestmark = [*beam_warns, *dask_warns]
ENGINES = ("this process", "processes", "dask", "beam")


@pytest.fixture(params=ENGINES)
def engine(request):
    """One engine after another."""
    if request.param == "dask":
        return dask.engine(request.getfixturevalue("two_workers").scheduler_address)
    if request.param == "beam":
        pytest.importorskip("apache_beam")
        return beam.engine(["--runner=FnApiRunner"])
    return local.engine(2 if request.param == "processes" else 1)


def test_tasks_in_results_out(engine, tmp_path):
    units = []
    work = Work(hands.start_squaring, (tmp_path,), iter(range(6)), tmp_path)
    assert dict(engine(work, units.append)) == {n: n**2 for n in range(6)}
    assert sum(units) == 12
    squares = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert squares == {f"{n}.square": str(n**2) for n in range(6)}  # and nothing else is left


def test_wrong_input_that_a_worker_meets_is_told_as_it_is(engine, tmp_path):
    work = Work(hands.start_squaring, (tmp_path,), [1, 13], tmp_path)
    with pytest.raises(InputError, match=r"^numbers are lucky; received 13\. Take another\.$"):
        list(engine(work, lambda units: None))
    assert not (tmp_path / ".tasks").exists()


def test_a_fault_of_the_program_stays_one(two_workers, tmp_path):
    work = Work(hands.start_squaring, (tmp_path,), [-1], tmp_path)
    for one in (local.engine(), local.engine(2), dask.engine(two_workers.scheduler_address)):
        with pytest.raises(ZeroDivisionError, match="of the program"):
            list(one(work, lambda units: None))


def test_dask_spreads_tasks_evenly_and_says_so(two_workers, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    work = Work(hands.start_squaring, (tmp_path, 0.1), range(20, 40), tmp_path)
    list(dask.engine(two_workers.scheduler_address)(work, lambda units: None))
    (told,) = [text for text in caplog.messages if text.startswith("tasks by worker: ")]
    counts = [int(count) for count in re.findall(r"tcp://\S+ (\d+)", told)]
    assert sum(counts) == 20 and len(counts) == 2 and min(counts) >= 8
    assert f"Dask: 2 workers at {two_workers.scheduler_address}" in caplog.text


def test_a_worker_that_is_killed_costs_its_task_alone(two_workers, tmp_path):
    work = Work(hands.start_dying, (tmp_path, 1), range(12), tmp_path)
    found = list(dask.engine(two_workers.scheduler_address)(work, lambda units: None))
    assert dict(found) == {n: n**2 for n in range(12)} and len(found) == 12
    assert [path.name for path in tmp_path.glob("*.death")] == ["0.death"]


def test_a_task_that_ends_every_worker_is_given_up(two_workers, tmp_path, monkeypatch):
    monkeypatch.setattr(two_workers.scheduler, "allowed_failures", 0)
    work = Work(hands.start_dying, (tmp_path, 99), range(6), tmp_path)
    with pytest.raises(
        InputError, match=r"without ending its worker.* received 'task \d ended 1 worker'"
    ):
        list(dask.engine(two_workers.scheduler_address)(work, lambda units: None))


@pytest.fixture
def cluster(tmp_path):
    """Starts a scheduler and a worker in processes of their own, as often as it is called."""
    running = []

    def start():
        file = tmp_path / f"scheduler-{len(running)}.json"
        where = ["--host=127.0.0.1", "--port=0", f"--scheduler-file={file}", "--no-dashboard"]
        worker = [f"--scheduler-file={file}", "--nthreads=1", "--no-nanny", "--no-dashboard"]
        for program, given in (("scheduler", where), ("worker", worker)):
            command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *given]
            running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=tmp_path))
            while program == "scheduler" and not _is_json(file):
                time.sleep(0.05)
        return file, running[-2]

    yield start
    for process in running:
        process.kill()
        process.wait()


def _is_json(file) -> bool:
    try:
        return bool(json.loads(file.read_text()))
    except (OSError, ValueError):
        return False


def test_a_scheduler_that_is_killed_and_the_same_command_again(
    cluster, repository_on_path, tmp_path, monkeypatch
):
    monkeypatch.setattr(dask, "_SECONDS", 2)
    folder = tmp_path / "out"
    folder.mkdir()
    file, scheduler = cluster()
    work = Work(hands.start_waiting, (folder,), range(4), folder)
    results = dask.engine(str(file))(work, lambda units: None)
    assert next(results) == (0, 0)
    scheduler.kill()
    with pytest.raises(InputError, match=r"the Dask scheduler stays .* the same command goes on"):
        list(results)
    (folder / "go").touch()
    file, _ = cluster()
    found = dict(dask.engine(str(file))(work, lambda units: None))
    assert found == {n: n**2 for n in range(4)}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere.json", "what://is:this"])
def test_no_scheduler(address, tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "_SECONDS", 0.3)
    work = Work(hands.start_squaring, (tmp_path,), [1], tmp_path)
    with pytest.raises(InputError, match="a Dask scheduler answers at --dask"):
        list(dask.engine(address)(work, lambda units: None))


# --- What is posted for workers. ---


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path):
    with pytest.raises(InputError, match=r"sees the folder for results; received '/elsewhere/out"):
        posted.perform("/elsewhere/out/.tasks/0", 1).taken()
    with pytest.raises(InputError, match="sees the folder"):
        posted.perform_left(0, str(tmp_path / "out/.tasks/0"))


def test_a_worker_of_another_version_says_so(tmp_path, monkeypatch):
    work = Work(hands.start_squaring, (tmp_path,), [], tmp_path)
    with posted.post(work) as place:
        monkeypatch.setattr(posted, "__version__", "9.9")
        with pytest.raises(InputError, match=r"has 9\.9; received '0\.1"):
            posted.perform(place, 1).taken()


def test_what_a_killed_process_had_posted_goes(tmp_path):
    work = Work(hands.start_squaring, (tmp_path,), [], tmp_path)
    (tmp_path / ".tasks" / "old").mkdir(parents=True)
    (tmp_path / ".tasks" / "old" / "0.outcome").write_text("of another work")
    with posted.post(work):
        (place,) = (tmp_path / ".tasks").iterdir()
        assert [path.name for path in place.iterdir()] == ["work.pickle"]
    assert list(tmp_path.iterdir()) == []


# --- What runners of Beam need. ---


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--runner=apache_beam.runners.dask.dask_runner.DaskRunner", "by --engine=dask; .* loses"),
        ("--runner=DaskRunner", "by --engine=dask"),
        ("--runner=FlinkRunner --job_server_java_launcher=no-java", "Flink is started by Java"),
        ("--runner=SparkRunner --job_server_java_launcher=no-java", "Spark is started by Java"),
        (
            "--runner=FlinkRunner --job_server_java_launcher=sh --flink_job_server_jar=no.jar",
            "--flink_job_server_jar is a file; received 'no.jar'",
        ),
        ("--runner=PortableRunner", "Give --job_endpoint=HOST:8099"),
        ("--runner=DataflowRunner --project=p", "no --region, no --temp_location"),
    ],
)
def test_what_a_runner_needs_is_said_before_it_starts(options, said, tmp_path):
    pytest.importorskip("apache_beam")
    work = Work(hands.start_squaring, (tmp_path,), [1], tmp_path)
    with pytest.raises(InputError, match=said):
        list(beam.engine(options.split())(work, lambda units: None))


@pytest.mark.parametrize(
    "options",
    [
        "--runner=FlinkRunner --job_endpoint=h:8099",
        "--runner=FlinkRunner --flink_submit_uber_jar",
        "--runner=SparkRunner --job_server_java_launcher=sh --spark_job_server_jar=https://h/a.jar",
        "--runner=PortableRunner --job_endpoint=h:8099",
        "--runner=DataflowRunner --project=p --region=r --temp_location=gs://b/t",
        "--runner=FnApiRunner",
    ],
)
def test_a_runner_that_has_what_it_needs_is_let_be(options, caplog):
    pytest.importorskip("apache_beam")
    beam.check(options.split())
    assert not caplog.text


def test_that_beam_fetches_a_job_server_is_said(caplog):
    pytest.importorskip("apache_beam")
    beam.check(["--runner=SparkRunner", "--job_server_java_launcher=sh"])
    assert "give --spark_job_server_jar=FILE" in caplog.text


# --- The flags. ---


def given(*arguments) -> flags.FlagValues:
    values = flags.FlagValues()
    workers.define(values)
    values(["x", *arguments])
    return values


def test_the_flags_choose_an_engine(monkeypatch):
    for module in (beam, dask):
        monkeypatch.setattr(module, "engine", lambda options: options)
    assert workers.read(given()) is None
    assert workers.read(given("--engine=dask")) is None  # this machine's own cluster
    assert workers.read(given("--engine=dask", "--dask=tcp://h:1")) == "tcp://h:1"
    options = "--beam_options=--runner=FlinkRunner --flink_master=h:1"
    assert workers.read(given("--engine=beam", options)) == [
        "--runner=FlinkRunner",
        "--flink_master=h:1",
    ]
    with pytest.raises(InputError, match="--dask goes with --engine=dask"):
        workers.read(given("--dask=tcp://h:1"))
