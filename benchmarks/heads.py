"""How long the heads of a probe take to fit, once the features are there.

    python -m benchmarks.heads [--pictures=20000]

Drawn features of pictures in events of three, as they are and mirrored, 1,280 wide, whose spectrum
falls off as that of real ones does. Two heads are fitted as `camtrap probe` fits them, strength
chosen by folds: which of ten species, rare ones weighted, and empty or not. The limit is 20 s for
20,000 pictures on two cores; the peer is scikit-learn's `LogisticRegressionCV` with the same
strengths and folds on as many pictures as our folds are made of, and one fit to all.
"""

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import GroupKFold

from camtrap_tf.training import linear

WIDTH, LATENT, SPECIES, OF_EVENT = 1280, 300, 10, 3
LIMIT, LIMITED = 20.0, 20_000  # seconds for so many pictures


def drawn(pictures: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features [pictures, 2, WIDTH] float32, species and events [pictures] int."""
    rng = np.random.default_rng(0)
    events = np.arange(pictures) // OF_EVENT
    shares = 0.5 ** np.arange(SPECIES)
    species = rng.choice(SPECIES, events[-1] + 1, p=shares / shares.sum())[events]
    scale = 1 / np.sqrt(1 + np.arange(LATENT))
    centres = 0.4 * rng.standard_normal((SPECIES, LATENT)) * scale
    places = rng.standard_normal((events[-1] + 1, LATENT)) * scale
    axes = rng.standard_normal((LATENT, WIDTH)).astype(np.float32)
    own = rng.standard_normal((pictures, 2, LATENT)) * scale
    latent = (centres[species] + places[events])[:, None] + own
    noise = rng.standard_normal((pictures, 2, WIDTH)).astype(np.float32)
    return latent.astype(np.float32) @ axes + noise, species, events


def ours(features: np.ndarray, species: np.ndarray, events: np.ndarray) -> float:
    """Share of pictures that the head for species names rightly, of those it has learnt from."""
    seen = linear.Standard.learn(features)(features)
    head = linear.fit(seen, species, events, SPECIES, weighted=True)
    linear.fit(seen, (species > 0).astype(int), events, 2, weighted=False)
    return float((head.logits(seen[:, 0]).argmax(axis=1) == species).mean())


def peers(features: np.ndarray, species: np.ndarray, events: np.ndarray) -> float:
    """The same by scikit-learn alone."""
    seen = linear.Standard.learn(features)(features)
    few, rows = min(linear.MOST, len(species)), seen.reshape(-1, WIDTH)
    found = []
    for labels, weight in ((species, "balanced"), ((species > 0).astype(int), None)):
        folds = GroupKFold(linear.FOLDS).split(rows[: 2 * few], groups=np.repeat(events[:few], 2))
        asked = LogisticRegressionCV(
            Cs=list(linear.STRENGTHS), cv=list(folds), scoring="neg_log_loss",
            class_weight=weight, max_iter=300, tol=1e-3,
        ).fit(rows[: 2 * few], np.repeat(labels[:few], 2))  # fmt: skip
        strength = float(np.ravel(asked.C_)[0])
        head = LogisticRegression(C=strength, class_weight=weight, max_iter=300, tol=1e-3)
        found.append(head.fit(rows, np.repeat(labels, 2)))
    return float((found[0].predict(seen[:, 0]) == species).mean())


def timed(fit: Callable[..., float], *data: np.ndarray) -> tuple[float, float]:
    """Seconds, and what it returns."""
    start = time.perf_counter()
    right = fit(*data)
    return time.perf_counter() - start, right


def main() -> None:
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=LIMITED)
    given = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = drawn(given.pictures)
    own, right = timed(ours, *data)
    limit = LIMIT * given.pictures / LIMITED
    print(f"ours          {own:6.1f} s, {own / limit:.2f} of the limit; {right:.1%} right")
    peer, right = timed(peers, *data)
    print(f"scikit-learn  {peer:6.1f} s; ours takes {own / peer:.2f} of it; {right:.1%} right")


if __name__ == "__main__":
    main()
