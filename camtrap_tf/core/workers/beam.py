"""Tasks done by Apache Beam, on the machines of Dataflow, Flink or Spark.

Beam's default runner fetches a program from the internet; options name another:

    one machine  --runner=FnApiRunner --direct_num_workers=2
                 --direct_running_mode=multi_processing
    Flink        --runner=FlinkRunner --flink_master=HOST:8081 --environment_type=LOOPBACK
                 (or DOCKER with an image that has the package)
    Spark        --runner=SparkRunner --spark_master_url=spark://HOST:7077
    Dataflow     --runner=DataflowRunner --project=P --region=R --temp_location=gs://B/tmp
                 --sdk_container_image=IMAGE

Flink and Spark are reached through a job server: a Java program that Beam starts, or one that runs
already (--job_endpoint=HOST:8099).
"""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.extras import needed
from camtrap_tf.core.workers import posted
from camtrap_tf.core.workers.work import Advance, Work, Workers

log = logging.getLogger("camtrap")


def engine(options: Sequence[str]) -> Workers:
    """Apache Beam.

    Args:
        options: of its pipeline, such as ['--runner=FnApiRunner'].
    """

    def run(work: Work, advance: Advance) -> Iterator[tuple[int, Any]]:
        with needed("beam", "--engine=beam"):
            import apache_beam  # noqa: F401
        check(options)
        with posted.post(work) as place:
            # A pipeline itself may hold some megabytes only: it names the tasks.
            numbers = [posted.leave(place, i, task) for i, task in enumerate(work.tasks)]
            _run(numbers, place, options)
            for number in numbers:
                outcome = posted.outcome(place, number)
                advance(outcome.units)
                yield number, outcome.taken()

    return run


def _run(numbers: list[int], place: str, options: Sequence[str]) -> None:
    with needed("beam", "--engine=beam"):
        import apache_beam
        from apache_beam.options.pipeline_options import PipelineOptions
    pipeline = apache_beam.Pipeline(options=PipelineOptions(list(options)))
    named = pipeline | "tasks" >> apache_beam.Create(numbers)
    # Without a reshuffle a runner may fuse everything into one step of one worker.
    _ = named | apache_beam.Reshuffle() | "do" >> apache_beam.Map(posted.perform_left, place)
    result = pipeline.run()
    state = result.wait_until_finish() or result.state
    if state != "DONE":
        raise InputError(
            "the Beam pipeline comes to its end",
            state,
            "See the runner's log; run the same command again to go on.",
        )


def check(options: Sequence[str]) -> None:
    """Says what a runner needs before it fails for want of it.

    Raises:
        InputError: it is absent; or the runner is Beam's own for Dask, which loses data.
    """
    with needed("beam", "--engine=beam"):
        from apache_beam.options.pipeline_options import PipelineOptions
    given = PipelineOptions(list(options)).get_all_options()
    runner = (given["runner"] or "").rpartition(".")[2].lower().removesuffix("runner")
    _CHECKS.get(runner, lambda options: None)(given)


def _refuse_dask(options: dict[str, Any]) -> None:
    raise InputError(
        "Dask is reached by --engine=dask",
        options["runner"],
        "Beam's runner for Dask leaves all but one worker without tasks, and loses what pipelines "
        "write while it reports them as done. Give --engine=dask --dask=ADDRESS.",
    )


def _check_job_server(name: str) -> Callable[[dict[str, Any]], None]:
    """The check of a runner whose options begin with `name`."""

    def check_one(options: dict[str, Any]) -> None:
        if options["job_endpoint"] or options[f"{name}_submit_uber_jar"]:
            return
        launcher, jar = options["job_server_java_launcher"], options[f"{name}_job_server_jar"]
        if shutil.which(launcher) is None:
            raise InputError(
                f"Beam's job server for {name.title()} is started by Java",
                f"no program '{launcher}'",
                "Install a Java runtime, or give --job_endpoint=HOST:8099 of a job server.",
            )
        if jar is None:
            log.warning(
                "Beam fetches its job server for %s, a jar of some 200 MB, from Maven Central "
                "unless it has it: where there is no network, give --%s_job_server_jar=FILE",
                name.title(), name,
            )  # fmt: skip
        elif "://" not in jar and not Path(jar).is_file():
            raise InputError(
                f"--{name}_job_server_jar is a file", jar, "Check the path, or leave it out."
            )

    return check_one


def _check_portable(options: dict[str, Any]) -> None:
    if not options["job_endpoint"]:
        raise InputError(
            "PortableRunner is told where its job server listens",
            "no --job_endpoint",
            "Give --job_endpoint=HOST:8099.",
        )


def _check_dataflow(options: dict[str, Any]) -> None:
    missing = [name for name in ("project", "region", "temp_location") if not options.get(name)]
    if missing:
        raise InputError(
            "Dataflow is told a project, a region and a place for temporary files",
            f"no --{', no --'.join(missing)}",
            "Give --project=P --region=R --temp_location=gs://BUCKET/tmp.",
        )


_CHECKS = {
    "dask": _refuse_dask,
    "flink": _check_job_server("flink"),
    "spark": _check_job_server("spark"),
    "portable": _check_portable,
    "dataflow": _check_dataflow,
}
