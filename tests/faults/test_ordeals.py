"""Runs go on as if nothing had happened: every loss, bit for bit.

``make soak`` tries the same again and again.
"""

import random
import signal

import pytest

from mixmae.engine.hooks.interrupt_hook import EXIT_INTERRUPTED
from tests.faults.fault_points import Strike
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
from tests.faults.ordeal import Ordeal

pytestmark = pytest.mark.slow
# Two of them have workers; the reference, which all are compared with, none.
ORDEALS = {
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


@pytest.mark.parametrize('name', ORDEALS)
def test_goes_on_bit_for_bit(server, tmp_path, name):
    how = dict(ORDEALS[name])
    faults = how.pop('faults')
    ordeal = Ordeal(server, tmp_path, random.Random(name), **how)
    for fault in faults:
        ordeal.suffer(fault)
    ordeal.end()
    assert len(ordeal.outcomes) == len(faults)
    assert [one for one in ordeal.outcomes if one.wrong] == []
    # Not because nothing had been done yet.
    assert sum(one.lost > 0 for one in ordeal.outcomes) > 0


def test_validation_workers_are_shielded_too(server, tmp_path):
    run = FaultyRun(server, tmp_path, epochs=2, workers=1, measured=True)
    # They wait for the end of the second epoch.
    strike = Strike('step', at=EPOCH + 3, number=signal.SIGTERM)
    (training,) = run.start(strike)
    assert training.wait() == EXIT_INTERRUPTED, training.tail()
    assert run.last().name == 'interrupted.pth'
    run.finish()
    found = losses(run.new_lines())
    assert max(found) == 2 * EPOCH and run.wrong(found) == ''


def test_a_loss_that_differs_in_one_bit_is_found(server, tmp_path):
    ordeal = Ordeal(server, tmp_path, random.Random(0))
    ordeal.suffer(AIMED[3])
    told = ordeal.run.wrong

    def wrong(found):
        for step, (now, mean, lr) in list(found.items())[-1:]:
            found[step] = (now * (1 + 2**-23), mean, lr)
        return told(found)

    ordeal.run.wrong = wrong
    ordeal.end()
    assert 'step 120' in ordeal.outcomes[0].wrong
