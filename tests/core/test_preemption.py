"""SIGTERM is noticed, and work ends where it may."""

import ctypes
import os
import signal
import threading

import pytest

from camtrap_tf.core.preemption import REQUEUE, Preempted, held_back, noticed

TAKE, PTR = ctypes.CFUNCTYPE(None, ctypes.c_int), ctypes.c_void_p


@pytest.fixture(autouse=True)
def before():
    """What SIGTERM did before, and does again after a test."""
    handler = signal.getsignal(signal.SIGTERM)
    yield handler
    signal.signal(signal.SIGTERM, handler)


def strike() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_ends_at_once_where_nothing_is_to_be_kept():
    with pytest.raises(Preempted, match="run the same command again") as caught, noticed():
        strike()
    assert caught.value.code == REQUEUE == os.EX_TEMPFAIL
    strike()  # of who is on the way out


def test_deferred_work_is_told_and_not_ended():
    done = []
    with noticed() as notice, notice.deferred():
        for part in range(3):
            strike()  # a second and third one change nothing
            done.append(part)
        assert notice.asked
    assert done == [0, 1, 2]


def test_within_deferred_work_parts_are_left():
    done = []

    def work():
        done.append("begun")
        strike()
        done.append("never")

    with noticed() as notice, notice.deferred():
        assert notice.until_asked(lambda: "whole") == "whole"
        assert notice.until_asked(work) is None
        assert notice.until_asked(lambda: "begun after all") is None
        strike()
    assert done == ["begun"]


def test_errors_of_parts_are_errors():
    with noticed() as notice, notice.deferred():
        with pytest.raises(ZeroDivisionError):
            notice.until_asked(lambda: 1 / 0)
        strike()  # is deferred again


def test_blocks_within_blocks_have_one_notice():
    with noticed() as outer, outer.deferred():
        with noticed() as inner:
            strike()
        assert inner is outer
        assert outer.asked
        assert signal.getsignal(signal.SIGTERM) is outer


def test_who_takes_the_signal_meanwhile_does_not_keep_it():
    taken = []
    with noticed() as notice, notice.deferred():
        with held_back():
            # As TensorFlow does in C, which Python does not see.
            ctypes.pythonapi.PyOS_setsig(signal.SIGTERM, ctypes.cast(TAKE(taken.append), PTR))
            # To this thread: others of this process, which were there before, might take it.
            signal.raise_signal(signal.SIGTERM)
            assert not notice.asked
        assert notice.asked
    assert not taken


def test_the_handler_of_before_is_back(before):
    with noticed() as notice:
        assert signal.getsignal(signal.SIGTERM) is notice
    assert signal.getsignal(signal.SIGTERM) == before


def test_other_threads_are_left_alone(before):
    seen = []

    def work():
        with noticed() as notice:
            seen.append((notice.asked, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
