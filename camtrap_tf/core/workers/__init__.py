"""Who does tasks: processes of this machine, a Dask cluster or Apache Beam, behind one interface.

A task is idempotent and what it makes has one final name, so an engine only has to do each at
least once. What hands out tasks (`work.Work`) knows nothing of who does them (`work.Workers`):

    local   this process, or several of this machine
    dask    the workers of a Dask cluster, or some started on this machine
    beam    the machines of Dataflow, Flink or Spark
    flags   the flags that choose one

What an engine of other machines needs is posted where they all see it (`posted`).
"""
