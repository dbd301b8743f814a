"""Faults in runs of the documented commands, without forks."""

import os
import signal
import subprocess
import sys

import pytest

from tests.faults.fault_points import Trigger
from tests.faults.faulty_run import EPOCH, INTERVAL, FaultyRun
from tests.faults.loss_record import losses
from tests.faults.training_server import ENVIRONMENT, ROOT, TRAIN

pytestmark = pytest.mark.slow


def start(
    command: list[str], **environment: str
) -> subprocess.CompletedProcess:
    return subprocess.run(
        command,
        cwd=ROOT,
        env=dict(
            os.environ, **ENVIRONMENT, PYTHON=sys.executable, **environment
        ),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        # A fault that kills the process group must not kill the tests.
        start_new_session=True,
    )


def test_one_process(server, tmp_path):
    run = FaultyRun(server, tmp_path, epochs=2, workers=1)
    command = [sys.executable, str(TRAIN), *run.arguments()]
    fault = Trigger('between micro-steps', at=EPOCH + 1)
    done = start(command, **fault.environment())
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    found = losses(run.new_lines())
    assert EPOCH in found and run.wrong(found) == ''
    # The last checkpoint may still be on its way to a slow disk.
    assert EPOCH - 2 * INTERVAL < run.position() <= EPOCH
    done = start(command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert run.wrong(losses(run.new_lines())) == '' == run.whole()


def test_torchrun_restarts_all_ranks_after_a_kill(server, tmp_path):
    run = FaultyRun(server, tmp_path, epochs=2, ranks=2)
    script = str(ROOT / 'tools/dist_train.sh')
    arguments = [str(run.config), '2', '--resume', '--work-dir']
    # The newest checkpoint is of step 8 or 4, however fast the disk is, and
    # the first rank has logged step 10.
    fault = Trigger('step', at=EPOCH + 2, rank=1, alone=True)
    # torchrun's --max-restarts.
    done = start(
        [script, *arguments, str(run.work_dir)],
        PET_MAX_RESTARTS='1',
        **fault.environment(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = run.new_lines()
    steps = [line['step'] for line in lines]
    # Some steps twice with equal values, none missing.
    assert steps[0] == 1 and steps[-1] == run.steps
    assert sorted(set(steps)) == list(range(1, run.steps + 1))
    assert len(steps) > run.steps
    assert all(run.wrong(losses([line])) == '' for line in lines)
    assert run.whole() == ''
