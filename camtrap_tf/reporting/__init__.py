"""The report: predictions as one HTML page for people who work with the animals.

The page holds everything it shows (styles, thumbnails, figures); it loads nothing from
anywhere and has no scripts, so it can be mailed, archived and printed.
"""

from pathlib import Path

import jinja2
import markupsafe

from camtrap_tf.answers import aggregation, planning
from camtrap_tf.answers import metrics as scoring
from camtrap_tf.answers.boxes import NamedBoxes, beside
from camtrap_tf.answers.people import Shown
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.artifacts import PathLike, write_text
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import Dropped
from camtrap_tf.reporting import cards, figures, tables

TITLE = "Camera-trap report"
EXAMPLES = 24
TARGET = 0.966  # what volunteers reach, in the paper


def write_report(
    predictions: Predictions | PathLike,
    out_html: PathLike,
    images_root: PathLike | None = None,
    metrics: dict | None = None,
    dropped: Dropped | None = None,
    title: str = TITLE,
    examples: int = EXAMPLES,
    validation: Predictions | PathLike | None = None,
    others: dict[str, Predictions] | None = None,
    target: float = TARGET,
    figures_folder: PathLike | None = None,
    people: Shown | str = Shown.SHOW,
    boxes: NamedBoxes | None = None,
) -> None:
    """Writes the report, atomically.

    Args:
        predictions: one row per picture, with or without labels, of any model; or their file.
        out_html: file to write.
        images_root: folder that the pictures' paths are relative to; without it, or where a
            picture is not in it, examples have no thumbnail.
        metrics: what `metrics.evaluate` returned; computed here when None.
        dropped: what data preparation left out, by rule.
        title: heading of the page.
        examples: number of example pictures, in both sections together.
        validation: the same model's labelled answers to the validation split: adds what can
            be left to the model, and which rule makes the best answer of an event.
        others: by name, the same model's labelled answers to other pictures (unseen sites,
            another season), shown side by side.
        target: accuracy in (0, 1) that the answers left to the model shall have.
        figures_folder: where to write the figures as SVG and PNG files, too.
        people: 'show', 'blur' or 'hide' pictures that show people, see `answers.people`.
        boxes: what is in each box of the pictures, which examples show; None: what lies beside the
            predictions' file, if they are given by that.

    Raises:
        InputError: rows without a path (capture events), a negative number of examples, or
            validation answers of another model.
    """
    if boxes is None and not isinstance(predictions, Predictions):
        boxes = beside(predictions)
    predictions = Predictions.of(predictions)
    validation = None if validation is None else Predictions.of(validation)
    _check(predictions, examples)
    if validation is not None:
        planning.check_one_model(validation, predictions)
    scores = scoring.evaluate(predictions) if metrics is None else metrics
    right = scoring.right_answers(predictions)
    drawings = figures.draw(predictions, right, scores)
    if figures_folder is not None:
        figures.save(drawings, figures_folder)
    page = _template().render(
        title=title,
        sections=cards.sections(predictions, right, images_root, examples, Shown(people), boxes),
        figures=drawings,
        comparison=tables.comparison(predictions, others) if others else [],
        plan=_plan(validation, predictions, target),
        rules=aggregation.compare(validation, predictions) if validation is not None else [],
        dropped=dropped,
        info=predictions.info,
        **_tables(predictions, scores),
    )
    write_text(out_html, page)


def _check(predictions: Predictions, examples: int) -> None:
    if predictions.ids["path"].isna().any():
        raise InputError(
            "a report is made from one row per picture",
            "rows without a path",
            "Give picture-level predictions; the report averages over events itself.",
        )
    if examples < 0:
        raise InputError("`examples` is at least 0", examples, "Give a number such as 24.")


def _tables(predictions: Predictions, scores: dict) -> dict:
    """The page's tables, by the name that the template knows them by."""
    return {
        "facts": tables.facts(predictions),
        "headline": tables.headline(predictions),
        "accuracy": tables.accuracy(scores, predictions),
        "empties": tables.empties(predictions),
        "species": tables.species(predictions),
        "confusion": tables.confusion(predictions),
        "mistakes": tables.mistakes(predictions),
        "places": tables.places(predictions),
        "failures": tables.failures(predictions),
    }


def _plan(
    validation: Predictions | None, predictions: Predictions, target: float
) -> planning.Plan | None:
    """What can be left to the model; of labour, only shares are shown."""
    if validation is None or "species" not in predictions.labels:
        return None
    return planning.plan(validation, predictions, target, rows=len(predictions), seconds=1)


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": tables.percent,
        "interval": tables.interval,
        "plain": tables.plain_name,
        "svg": markupsafe.Markup,  # our own figures, whose texts matplotlib has escaped
    }
    return environment.get_template("report.html")
