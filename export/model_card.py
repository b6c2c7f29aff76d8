"""The page that goes with an export: what it is, what it was made of, what it is not."""

import dataclasses
import json
from typing import TYPE_CHECKING

from camtrap_tf.core.config import Context, View
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.networks.pretrained import origins
from export import threshold
from export.request import ASKED

if TYPE_CHECKING:
    from export.request import Request

_CARD = """# Model card: {version}

Tells which animals are in camera-trap pictures, and how sure it is. Made by `camtrap export`.

## Answers
{species} species: {names}.
{heads}
An answer is 'automatic' where its probability reaches {automatic_at}; else 'ask a human'.
Pictures whose probability of an animal is below {threshold:.4g} are taken for empty.{unknown}
{effects}
## Networks
{members}
{origins}Preprocessing (inside the SavedModel; described inside each TFLite file): `{picture}`.

## Parity with Keras
On {count} pictures of `{check_on}`. By class: `parity.csv`.
```
{parity}
```
{asked}{verdict}
## Limits
- Trained on the data named above. At other sites, cameras and seasons accuracy is lower,
  often by much; check it on labelled pictures of the new place before trusting `automatic`.
- It knows the species listed and no others: {others}.
- Several species in one picture: it names one.
- Do not use it to decide about people, and keep pictures of people private.
- The SavedModel reads no TIFF; `camtrap predict` does.
"""


_UNKNOWN = """
An animal whose familiarity is below {:.4g} is called unknown, and a human is asked."""
_EFFECTS = """
That threshold was chosen so that {recall:.4g} of the {level} with an animal pass on 'val' (95%
intervals; an event passes with any of its frames):
```
{table}
```
"""


_VIEWS = {
    View.WHOLE: "whole picture",
    View.CROP: "part around the surest box of the detector (`detector/model_card.md`)",
}


def model_card(
    bundle: Bundle,
    request: "Request",
    count: int,
    parity: str,
    effects: list[threshold.Effect],
    faults: list[str],
) -> str:
    """The card as Markdown.

    Args:
        bundle: what is exported.
        request: how it was exported and checked.
        count: number of pictures it was checked on.
        effects: of its animal threshold, where that was chosen at a recall.
        parity: table of the comparison.
        faults: where the export differs too much and was written all the same.
    """
    vocabulary = bundle.vocabulary
    extra = [f"Count bins: {', '.join(vocabulary.count_bins)}."] if vocabulary.count_bins else []
    extra += [f"Attributes: {', '.join(vocabulary.attributes)}."] if vocabulary.attributes else []
    extra += [f"{head}: {', '.join(names)}." for head, names in vocabulary.further.items()]
    members = [
        f"- `{member.file}`: {member.architecture}, task {member.task.value}, "
        f"{member.input.crop} pixels, context {member.input.context.value}, "
        f"sees the {_VIEWS[member.view]}; "
        f"data `{json.dumps(member.data)}`; best epoch `{json.dumps(member.result)}`"
        for member in bundle.members
    ]
    says_unknown = bundle.familiarity_threshold is not None
    verdict = "Written with --force although: " + "; ".join(faults) + ".\n" if faults else ""
    return _CARD.format(
        version=bundle.version,
        species=len(vocabulary.species),
        names=", ".join(vocabulary.species),
        heads="\n".join(extra),
        automatic_at=request.automatic_at,
        threshold=bundle.animal_threshold,
        unknown=_UNKNOWN.format(bundle.familiarity_threshold) if says_unknown else "",
        others="another animal is called unknown, or by the name of one of them"
        if says_unknown
        else "another animal gets the name of one of them",
        effects=_EFFECTS.format(
            recall=request.recall, level=request.recall_of.value, table=threshold.table(effects)
        )
        if effects
        else "",
        members="\n".join(members),
        origins="".join(f"Started from {line}.\n" for line in origins.sentences(bundle.origins)),
        picture=json.dumps(dataclasses.asdict(bundle.picture), default=lambda kind: kind.value),
        count=count,
        check_on=request.check_on,
        parity=parity,
        asked="" if bundle.context is Context.NONE else ASKED + "\n",
        verdict=verdict,
    )
