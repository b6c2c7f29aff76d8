from camtrap_tf.answers.planning import plan as plan
from camtrap_tf.answers.predictions import Predictions as Predictions
from camtrap_tf.core.errors import InputError as InputError
from camtrap_tf.events.table import EventTable as EventTable
from camtrap_tf.networks.bundle import Bundle as Bundle
from camtrap_tf.networks.bundle import make_bundle as bundle
from camtrap_tf.outputs import write as convert
from camtrap_tf.outputs.aggregated import aggregate as aggregate
from camtrap_tf.prediction.detect import detect as detect
from camtrap_tf.prediction.evaluation import evaluate as evaluate
from camtrap_tf.prediction.model import Model as Model
from camtrap_tf.prediction.model import load as load
from camtrap_tf.prediction.predict import predict as predict
from camtrap_tf.prediction.review import review as review
from camtrap_tf.prediction.still import set_apart as still
from camtrap_tf.reporting import write_report as report
from camtrap_tf.training.probes import probe_all as probe
from camtrap_tf.training.recipe import learn as train
from camtrap_tf.training.review_pictures import review_pictures as review_pictures
from camtrap_tf.verifying.artefacts import verify as verify
from data_prep.prepare import prepare as prepare
from data_prep.shards.make import shard as shard
from export.verify import export as export

__version__: str
PUBLIC: dict[str, str]
__all__ = [
    "PUBLIC",
    "Bundle",
    "EventTable",
    "InputError",
    "Model",
    "Predictions",
    "aggregate",
    "bundle",
    "convert",
    "detect",
    "evaluate",
    "export",
    "load",
    "plan",
    "predict",
    "prepare",
    "probe",
    "report",
    "review",
    "review_pictures",
    "shard",
    "still",
    "train",
    "verify",
]
