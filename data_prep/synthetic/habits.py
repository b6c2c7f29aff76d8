"""How a species lives, as far as a camera notices."""

import dataclasses

BEHAVIOURS = ("Standing", "Resting", "Moving", "Eating", "Interacting")


@dataclasses.dataclass(frozen=True)
class Habits:
    """How a species lives, as far as a camera notices."""

    behaviours: tuple[float, float, float, float, float]  # weights, in the order of BEHAVIOURS
    herd: tuple[float, float, float, float, float]  # weights of 1, 2-4, 5-10, 11-50, 51-75 animals
    nights: float  # share of events at night
    young: float  # share of events of two animals or more with young
    alike: tuple[str, ...]  # what volunteers mistake it for


_GRAZING, _BROWSING = (0.22, 0.06, 0.22, 0.44, 0.06), (0.34, 0.03, 0.25, 0.34, 0.04)
_HUNTING, _LAZY = (0.22, 0.12, 0.52, 0.06, 0.08), (0.14, 0.56, 0.18, 0.04, 0.08)
_PECKING = (0.18, 0.03, 0.39, 0.37, 0.03)
_HERD, _FAMILY = (0.28, 0.30, 0.20, 0.18, 0.04), (0.42, 0.42, 0.13, 0.03, 0.0)
_LONER, _FLOCK = (0.80, 0.19, 0.01, 0.0, 0.0), (0.14, 0.22, 0.34, 0.29, 0.01)

HABITS = {
    "wildebeest": Habits(_GRAZING, _HERD, 0.22, 0.14, ("buffalo", "hartebeest", "topi")),
    "zebra": Habits(_GRAZING, _HERD, 0.20, 0.14, ("wildebeest",)),
    "gazelleThomsons": Habits(_GRAZING, _HERD, 0.06, 0.08, ("gazelleGrants", "impala")),
    "buffalo": Habits(_GRAZING, _HERD, 0.40, 0.14, ("wildebeest", "eland")),
    "elephant": Habits(_BROWSING, _FAMILY, 0.30, 0.36, ("rhinoceros", "buffalo")),
    "giraffe": Habits(_BROWSING, _FAMILY, 0.12, 0.12, ("eland",)),
    "warthog": Habits(_GRAZING, _FAMILY, 0.02, 0.24, ("hyenaSpotted", "porcupine")),
    "hyenaSpotted": Habits(_HUNTING, _LONER, 0.70, 0.06, ("lionFemale", "hyenaStriped")),
    "lionFemale": Habits(_LAZY, _FAMILY, 0.45, 0.22, ("lionMale", "hyenaSpotted")),
    "ostrich": Habits(_PECKING, _FAMILY, 0.02, 0.10, ("koriBustard", "secretaryBird")),
    "guineaFowl": Habits(_PECKING, _FLOCK, 0.02, 0.06, ("otherBird",)),
    "hippopotamus": Habits(_GRAZING, _LONER, 0.85, 0.10, ("elephant", "rhinoceros")),
    "impala": Habits(_GRAZING, _HERD, 0.15, 0.10, ("gazelleGrants", "gazelleThomsons")),
    "cheetah": Habits(_LAZY, _LONER, 0.08, 0.25, ("leopard", "serval")),
    "lionMale": Habits(_LAZY, _LONER, 0.45, 0.05, ("lionFemale",)),
    "rhinoceros": Habits(_GRAZING, _LONER, 0.40, 0.25, ("elephant", "hippopotamus")),
}
