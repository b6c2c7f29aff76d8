"""Every table and figure of the paper, measured anew: one short file per result.

    python -m experiments.run NAME|all --data=SHARDS --out=RUNS --scale=paper|small|smoke

An experiment is a module of this package with `jobs(lab)`, the networks that it needs, and
`report(lab)`, its rows of measured beside published figures.
"""
