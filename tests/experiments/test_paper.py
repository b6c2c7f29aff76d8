"""The paper's arithmetic, and its tables as they are printed."""

import statistics

import pytest

from camtrap_tf import planning
from camtrap_tf.config import Step
from experiments import paper


def test_share_automated_is_the_papers():
    (_, _, species), _ = paper.FIG_S6
    (_, _, counts), _ = paper.FIG_S7
    automated = [planning.share_automated(paper.EMPTY_SHARE, 1, kept) for kept in (species, counts)]
    assert automated == pytest.approx([paper.AUTOMATED_SPECIES, paper.AUTOMATED_COUNT], abs=0.0005)


def test_labour_saved_is_the_papers():
    years = planning.years_saved(*paper.YEARS_FOR_PICTURES, paper.PICTURES, paper.AUTOMATED_SPECIES)
    assert round(years, 1) == paper.YEARS_SAVED
    assert years * planning.HOURS_PER_YEAR > paper.HOURS_SAVED


def test_tables_s1_and_s2_are_the_recipe():
    train, model = paper.RECIPE.train, paper.RECIPE.model
    assert (train.batch_size, train.momentum, model.crop, train.epochs) == (128, 0.9, 224, 55)
    assert train.schedule == paper.SCHEDULE
    assert paper.SCHEDULE[1] == Step(19, 0.005, 0.0005)
    assert paper.EPOCH_STEPS * train.batch_size == 755_200


def test_events_are_better_than_pictures_in_the_published_tables():
    names = paper.ARCHITECTURES
    pictures = statistics.mean(paper.TABLE_2[name, paper.EMPTY_TOP1] for name in names)
    events = statistics.mean(paper.TABLE_S5[name, paper.EMPTY_TOP1] for name in names)
    assert events - pictures == pytest.approx(0.006, abs=0.0005)
    assert paper.TABLE_2["vgg16", paper.EMPTY_TOP1] == 0.968
    assert paper.TABLE_S3["resnet50", paper.ONE_STAGE_SPECIES] == 0.906
