"""The paper's arithmetic, and its tables as they are printed."""

import statistics

import pytest

from camtrap_tf.answers import planning
from camtrap_tf.core.config import Step
from experiments import published


def test_share_automated_is_the_papers():
    (_, _, species), _ = published.FIG_S6
    (_, _, counts), _ = published.FIG_S7
    automated = [
        planning.share_automated(published.EMPTY_SHARE, 1, kept) for kept in (species, counts)
    ]
    assert automated == pytest.approx(
        [published.AUTOMATED_SPECIES, published.AUTOMATED_COUNT], abs=0.0005
    )


def test_labour_saved_is_the_papers():
    years = planning.years_saved(
        *published.YEARS_FOR_PICTURES, published.PICTURES, published.AUTOMATED_SPECIES
    )
    assert round(years, 1) == published.YEARS_SAVED
    assert years * planning.HOURS_PER_YEAR > published.HOURS_SAVED


def test_tables_s1_and_s2_are_the_recipe():
    train, model = published.RECIPE.train, published.RECIPE.model
    assert (train.batch_size, train.momentum, model.crop, train.epochs) == (128, 0.9, 224, 55)
    assert train.schedule == published.SCHEDULE
    assert published.SCHEDULE[1] == Step(19, 0.005, 0.0005)
    assert published.EPOCH_STEPS * train.batch_size == 755_200


def test_events_are_better_than_pictures_in_the_published_tables():
    names = published.ARCHITECTURES
    pictures = statistics.mean(published.TABLE_2[name, published.EMPTY_TOP1] for name in names)
    events = statistics.mean(published.TABLE_S5[name, published.EMPTY_TOP1] for name in names)
    assert events - pictures == pytest.approx(0.006, abs=0.0005)
    assert published.TABLE_2["vgg16", published.EMPTY_TOP1] == 0.968
    assert published.TABLE_S3["resnet50", published.ONE_STAGE_SPECIES] == 0.906
