"""camtrap_tf: species, counts and behaviours from camera-trap pictures.

    import camtrap_tf as ct

    model = ct.load("bundle")
    answers = model.predict("PICTURES").to_pandas()

`PUBLIC` lists what there is; each name is looked up, and what it needs imported, when it is used
for the first time. `__init__.pyi` has the same names for type checkers.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# Name -> where it is, as 'module:name'. No module or package of camtrap_tf itself has such a name:
# importing it would put it in the function's place.
PUBLIC = {
    "load": "camtrap_tf.prediction.model:load",
    "prepare": "data_prep.prepare:prepare",
    "shard": "data_prep.shards.make:shard",
    "train": "camtrap_tf.training.recipe:learn",
    "probe": "camtrap_tf.training.probes:probe_all",
    "bundle": "camtrap_tf.networks.bundle:make_bundle",
    "evaluate": "camtrap_tf.prediction.evaluation:evaluate",
    "predict": "camtrap_tf.prediction.predict:predict",
    "detect": "camtrap_tf.prediction.detect:detect",
    "still": "camtrap_tf.prediction.still:set_apart",
    "plan": "camtrap_tf.answers.planning:plan",
    "review": "camtrap_tf.prediction.review:review",
    "review_pictures": "camtrap_tf.training.review_pictures:review_pictures",
    "report": "camtrap_tf.reporting:write_report",
    "aggregate": "camtrap_tf.outputs.aggregated:aggregate",
    "convert": "camtrap_tf.outputs:write",
    "export": "export.verify:export",
    "verify": "camtrap_tf.verifying.artefacts:verify",
    "Bundle": "camtrap_tf.networks.bundle:Bundle",
    "EventTable": "camtrap_tf.events.table:EventTable",
    "InputError": "camtrap_tf.core.errors:InputError",
    "Model": "camtrap_tf.prediction.model:Model",
    "Predictions": "camtrap_tf.answers.predictions:Predictions",
}


def __getattr__(name: str) -> Any:
    """Looks a public name up, and keeps it."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = PUBLIC[name].partition(":")
    globals()[name] = getattr(importlib.import_module(module), attribute)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
