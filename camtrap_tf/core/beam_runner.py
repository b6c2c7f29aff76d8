"""Tasks that leave files, mapped by Apache Beam on the machines of a cluster.

Beam's default runner fetches a program from the internet; options name another:

    one machine  --runner=FnApiRunner --direct_num_workers=2
                 --direct_running_mode=multi_processing
    Flink        --runner=FlinkRunner --flink_master=HOST:8081 --environment_type=LOOPBACK
                 (or DOCKER with an image that has the package)
    Spark        --runner=SparkRunner --spark_master_url=spark://HOST:7077
    Dataflow     --runner=DataflowRunner --project=P --region=R --temp_location=gs://B/tmp
                 --sdk_container_image=IMAGE
"""

from collections.abc import Callable, Sequence

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.extras import needed


def run(tasks: Sequence, do: Callable, arguments: tuple, options: list[str]) -> None:
    """Does every task somewhere, maybe more than once.

    Args:
        tasks: small values that name the tasks: a pipeline itself may hold some megabytes only.
        do: called as `do(task, *arguments)` on a worker; a function of a module.
        arguments: of every call.
        options: of Beam's pipeline, such as ['--runner=FnApiRunner'].

    Raises:
        InputError: Beam is not installed, or the pipeline does not come to its end.
    """
    with needed("beam", "--engine=beam"):
        import apache_beam
        from apache_beam.options.pipeline_options import PipelineOptions
    pipeline = apache_beam.Pipeline(options=PipelineOptions(options))
    named = pipeline | "tasks" >> apache_beam.Create(tasks)
    # Without a reshuffle a runner may fuse everything into one step of one worker.
    _ = named | apache_beam.Reshuffle() | "do" >> apache_beam.Map(do, *arguments)
    result = pipeline.run()
    state = result.wait_until_finish() or result.state
    if state != "DONE":
        raise InputError(
            "the Beam pipeline comes to its end",
            state,
            "See the runner's log; run the same command again to go on.",
        )
