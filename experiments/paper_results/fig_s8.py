"""Fig. S.8: how many capture events each species has.

    python -m experiments.run fig_s8 --data=SHARDS --out=RUNS --scale=paper

Paper: wildebeest and zebra make about half, with Thomson's gazelle 63%; the rarest twenty of 48
about 1%; over 100,000 events of wildebeest, 17 of zorilla. Counted here are pictures of all
splits, from the manifest.
Cost: none.
"""

import numpy as np

from experiments import published as paper
from experiments.lab import Job, Lab
from experiments.rows import Row


def jobs(lab: Lab) -> list[Job]:
    """No network."""
    return []


def report(lab: Lab) -> list[Row]:
    """Share of each species, the most frequent first, and of the groups the paper names."""
    counts = np.sum([split["species"] for split in lab.manifest.class_counts.values()], axis=0)
    order = np.argsort(-counts, kind="stable")
    total, sorted_shares = int(counts.sum()), counts[order] / counts.sum()
    groups = (
        ("the two most frequent", sorted_shares[:2], paper.COMMONEST_TWO),
        ("the three most frequent", sorted_shares[:3], paper.COMMONEST_THREE),
        ("the rarest twenty", sorted_shares[-20:], paper.RAREST_TWENTY),
    )
    rows = [
        Row(name, "share of pictures", "all", float(part.sum()), scored=total, published=known)
        for name, part, known in groups
        if len(counts) > len(part)
    ]
    names = lab.manifest.vocabulary.species
    return rows + [
        Row(names[i], "share of pictures", "all", float(counts[i] / total), scored=int(counts[i]))
        for i in order
    ]
