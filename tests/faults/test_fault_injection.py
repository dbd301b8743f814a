"""Runs continue after a fault with bit-equal losses.

``make fault-injection`` tries the same again and again.
"""

import random
import signal

import pytest

from mixmae.config.failure_report import EXIT_INTERRUPTED
from tests.faults.fault_injection import FaultInjection
from tests.faults.fault_points import Trigger
from tests.faults.faults import (
    AIMED,
    DAMAGES,
    RANDOM,
    SIGNALS,
    TWO_RANKS,
    TWO_RANKS_RANDOM,
)
from tests.faults.faulty_run import EPOCH, FaultyRun
from tests.faults.loss_record import losses

pytestmark = pytest.mark.slow
# Two of them have workers; the reference, which all are compared with, none.
INJECTIONS = {
    'aimed kills': dict(faults=AIMED),
    'random kills': dict(faults=[RANDOM] * 8, workers=1),
    'signals and damages': dict(faults=SIGNALS + DAMAGES),
    'workers': dict(faults=[*AIMED[:4], *SIGNALS[1:3]], workers=2),
    'two ranks': dict(
        faults=[TWO_RANKS[1], TWO_RANKS[3], *TWO_RANKS_RANDOM[-1:]],
        ranks=2,
        epochs=5,
    ),
}


@pytest.mark.parametrize('name', INJECTIONS)
def test_continues_bit_for_bit(server, tmp_path, name):
    how = dict(INJECTIONS[name])
    faults = how.pop('faults')
    injection = FaultInjection(server, tmp_path, random.Random(name), **how)
    for fault in faults:
        injection.inject(fault)
    injection.end()
    assert len(injection.outcomes) == len(faults)
    assert [one for one in injection.outcomes if one.wrong] == []
    # Not because nothing had been done yet.
    assert sum(one.lost > 0 for one in injection.outcomes) > 0


def test_validation_workers_are_shielded_too(server, tmp_path):
    run = FaultyRun(server, tmp_path, epochs=2, workers=1, measured=True)
    # They wait for the end of the second epoch.
    trigger = Trigger('step', at=EPOCH + 3, number=signal.SIGTERM)
    (training,) = run.start(trigger)
    assert training.wait() == EXIT_INTERRUPTED, training.tail()
    assert run.last().name == 'interrupted.pth'
    run.finish()
    found = losses(run.new_lines())
    assert max(found) == 2 * EPOCH and run.wrong(found) == ''


def test_a_loss_that_differs_in_one_bit_is_found(server, tmp_path):
    injection = FaultInjection(server, tmp_path, random.Random(0))
    injection.inject(AIMED[3])
    wrong_before = injection.run.wrong

    def wrong(found):
        for step, (now, mean, lr) in list(found.items())[-1:]:
            found[step] = (now * (1 + 2**-23), mean, lr)
        return wrong_before(found)

    injection.run.wrong = wrong
    injection.end()
    assert 'step 120' in injection.outcomes[0].wrong
