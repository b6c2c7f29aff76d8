"""Folders of pictures: are they named by species or by camera?"""

import collections
import dataclasses
import enum
import re
from collections.abc import Iterable, Sequence

from camtrap_tf.core.emptiness import Meaning, Names, folded
from data_prep.sources import lila

_NAMES = Names()
_FOLDERS_ASKED_ABOUT = 4  # names in a question
_CAMERA = re.compile(
    r"(?:cam|camera|kamera|camara|caméra|fotofalle|trap|ct|ctrap|cameratrap|site|station|stn|loc|"
    r"location|plot|point|pt|grid|transect|deployment|dep|depl|card|sd|sdcard|unit|array|standort|"
    r"estacion|sitio|lugar)s?[-_ .#]*[a-z]{0,3}[-_ ]?\d+[a-z]?",
    re.IGNORECASE,
)
# What cameras and people call folders of cards, days and visits.
_STORAGE = re.compile(
    r"dcim|\d{3}[-_]?[a-z]{2,6}\d*|\d{3}_btcf|\d{1,4}ek\d+|"
    r"\d{4}[-_ ]?\d{2}[-_ ]?\d{2}.*|\d{4}|\d{1,2}[-_.]\d{1,2}[-_.]\d{2,4}|\d+|"
    r"(?:visit|check|round|week|day|month|season|session|year)[-_ ]*\d+|s\d{1,2}",
    re.IGNORECASE,
)
_CODE = re.compile(r"[a-z]{1,4}[-_ ]?\d{1,4}(?:[-_ ]?[a-z0-9]{1,4})?", re.IGNORECASE)  # B04, N12-A
_BINOMIAL = re.compile(r"[A-Z][a-z]{2,}[ _][a-z]{3,}(?:[ _][a-z]{3,})?")
# The last word of a species' name, in the languages that projects most often write.
_ANIMAL_WORDS = """
    aardvark aardwolf agouti anteater antelope animal armadillo baboon badger bat bear beaver bird
    bison blackbird boar bobcat buffalo bushbuck camel capybara caracal caribou cat cattle cheetah
    chimpanzee chipmunk civet coati cougar cow coyote crane crow deer dog donkey duck duiker eagle
    eland elephant elk ermine falcon fallow ferret finch fisher fox gazelle genet giraffe gnu goat
    goose gorilla grouse guineafowl hare hartebeest hawk hedgehog heron hippo hippopotamus hog
    horse human hyena impala insect jackal jaguar jay kangaroo koala kudu leopard lion lizard llama
    lynx macaque magpie mammal margay marmot marten mink mole mongoose monkey moose mouse muntjac
    nilgai nyala ocelot opossum orangutan oryx ostrich otter owl paca panda pangolin partridge
    peccary people person pheasant pig pigeon polecat porcupine possum puma quail rabbit raccoon
    rat raven reindeer reptile reptiles rhino rhinoceros robin rodent rodents roe sambar serval
    sheep shrew skunk sloth snake sparrow squirrel stoat tapir tayra thrush tiger topi tortoise
    turkey turtle vehicle vole vulture wallaby warthog waterbuck weasel wildcat wildebeest
    wildlife wisent wolf wolverine wombat woodchuck woodpecker wren zebra
    reh hirsch rehwild rotwild damwild schwarzwild wildschwein fuchs dachs hase feldhase marder
    hund katze wildkatze vogel mensch eichhörnchen luchs iltis waschbär
    chevreuil cerf sanglier renard blaireau lièvre chien chat oiseau humain loup
    ciervo jabalí zorro tejón liebre perro gato pájaro venado vaca caballo humano lobo
"""
_ANIMALS = frozenset(map(folded, _ANIMAL_WORDS.split()))


class Layout(enum.Enum):
    """What the folders of a path are; the picture comes last."""

    SPECIES = "species"  # SPECIES/..., SPECIES/SITE/...
    CAMERAS = "cameras"  # SITE/...: nothing says what is on the pictures
    CAMERAS_THEN_SPECIES = "cameras/species"  # SITE/SPECIES/...
    NONE = "none"  # no folders


class Kind(enum.Enum):
    """What one folder's name looks like."""

    SPECIES = "species"
    CAMERA = "camera"
    EITHER = "either"


@dataclasses.dataclass(frozen=True)
class Guess:
    """What folders are taken for, whether that is certain, why, and what to ask."""

    layout: Layout
    certain: bool
    evidence: tuple[str, ...]
    question: str = ""


def kind(name: str) -> Kind:
    """What a folder's name looks like.

    >>> kind("roe deer").value, kind("no animal").value, kind("cam1").value, kind("Rehe").value
    ('species', 'species', 'camera', 'either')
    """
    if _CAMERA.fullmatch(name) or _STORAGE.fullmatch(name):
        return Kind.CAMERA
    if _is_species(name):
        return Kind.SPECIES
    return Kind.CAMERA if _CODE.fullmatch(name) else Kind.EITHER


def _is_species(name: str) -> bool:
    if _NAMES.meaning(name) is not Meaning.SPECIES or _BINOMIAL.fullmatch(name):
        return True
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name))
    last = folded(words[-1]) if words else ""
    ends = {last, last.removesuffix("s"), last.removesuffix("es")}
    return lila.spelling(name) in lila.SPECIES or bool(ends & _ANIMALS)


def guess(paths: Iterable[str]) -> Guess:
    """What the folders of pictures are, from their names.

    Args:
        paths: of pictures, relative, with '/'.

    >>> guess(["cam1/IMG_1.JPG", "cam2/IMG_1.JPG"]).layout.value
    'cameras'
    """
    parts = [path.split("/")[:-1] for path in paths]
    first = _distinct(part[0] for part in parts if part)
    if not first:
        return Guess(Layout.NONE, True, ("Its pictures lie in no folders.",))
    below = _distinct(part[1] for part in parts if len(part) > 1)
    top, second = _judge(first), _judge(below)
    if top is Kind.SPECIES:
        said = f"{_shown(first, Kind.SPECIES)} are names of species."
        return Guess(Layout.SPECIES, True, (said,))
    if second is Kind.SPECIES:
        said = (f"{_named(first)} hold folders named by species: {_named(below)}.",)
        asked = _asked(first, "cameras (--folders=cameras/species)")
        return Guess(Layout.CAMERAS_THEN_SPECIES, top is Kind.CAMERA, said, asked)
    if top is Kind.CAMERA:
        said = [f"{_shown(first, Kind.CAMERA)} look like cameras, not like species."]
        said += _same_names(paths)
        return Guess(Layout.CAMERAS, False, tuple(said), _asked(first))
    said = (f"{_named(first)}: the names tell neither species nor cameras.", *_same_names(paths))
    return Guess(Layout.SPECIES, False, said, _asked(first))


def _asked(names: Sequence[str], first: str = "cameras (--folders=cameras)") -> str:
    return f"Are {_named(names)} {first} or species (--folders=species)?"


def _distinct(names: Iterable[str]) -> list[str]:
    return list(collections.Counter(names))


def _judge(names: Sequence[str]) -> Kind:
    """What most of the names are: one that is clear decides over any number that is not."""
    counts = collections.Counter(map(kind, names))
    if counts[Kind.SPECIES] > counts[Kind.CAMERA]:
        return Kind.SPECIES
    # Projects number species, too (deer1, deer2), but never most of them.
    return Kind.CAMERA if counts[Kind.CAMERA] * 2 > len(names) else Kind.EITHER


def _same_names(paths: Iterable[str]) -> list[str]:
    """What says that cameras numbered the pictures: the same file name in several folders."""
    homes = collections.defaultdict(set)
    for path in paths:
        folder, _, name = path.rpartition("/")
        homes[name].add(folder)
    shared = [name for name, folders in homes.items() if len(folders) > 1]
    return [f"{shared[0]} lies in several of them."] if shared else []


def _shown(names: Sequence[str], wanted: Kind) -> str:
    return _named([name for name in names if kind(name) is wanted])


def _named(names: Sequence[str]) -> str:
    shown, more = names[:_FOLDERS_ASKED_ABOUT], len(names) - _FOLDERS_ASKED_ABOUT
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
