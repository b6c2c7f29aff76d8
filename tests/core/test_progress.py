"""Progress of long loops, where there is no terminal: plain lines."""

import logging

import pytest

from camtrap_tf.core import progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands; `clock[0]` is its time."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_says_how_far_how_fast_and_how_long_still(clock):
    meter = progress.Meter(100, "epoch 1")
    clock[0] += 5
    meter.advance(25)
    # 25 in 5 s are 5 a second; 75 are left.
    assert meter.line("loss 1.2") == (
        "epoch 1: 25 of 100 pictures (25%), 5.0/s, 15 s left loss 1.2"
    )
    assert progress.Meter(None, "listing", "files").line() == "listing: 0 files, 0.0/s"


def test_what_was_done_before_is_no_speed(clock):
    meter = progress.Meter(1000, "epoch 3", done=600)
    assert meter.line() == "epoch 3: 600 of 1,000 pictures (60%), 0.0/s"
    clock[0] += 10
    meter.advance(100)
    assert meter.line() == "epoch 3: 700 of 1,000 pictures (70%), 10.0/s, 30 s left"


def test_lines_come_every_fifteen_seconds_and_at_the_end(clock, caplog):
    caplog.set_level(logging.INFO, "camtrap")
    with progress.Meter(40, "sharding") as meter:
        for _ in range(4):
            clock[0] += 10
            meter.advance(10)
    with progress.Meter(3, "looking") as meter:
        clock[0] += 3
        meter.advance(2)
    assert [record.getMessage() for record in caplog.records] == [
        "sharding: 20 of 40 pictures (50%), 1.0/s, 20 s left",
        "sharding: 40 of 40 pictures (100%), 1.0/s",
        "looking: 2 of 3 pictures (67%), 0.7/s, 2 s left",
    ]


def test_what_is_done_at_once_says_nothing(clock, caplog):
    caplog.set_level(logging.INFO, "camtrap")
    assert list(progress.progress(range(3), 3, "looking")) == [0, 1, 2]
    assert not caplog.records
