import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.config.failure_report import EXIT_INTERRUPTED
from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.registry import HOOKS
from tests.engine.tiny_run import ROOT, tiny_config


@HOOKS.register_module(force=True)
class SignalAt(Hook):
    """Sends a signal to its own process before an iteration."""

    def __init__(
        self, iteration: int, number: int, times: int = 1, rank: int = 0
    ) -> None:
        self.iteration = iteration
        self.number = number
        self.times = times
        self.rank = rank

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if (runner.iter, runner.rank) == (self.iteration, self.rank):
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


def config(work_dir: Path, **signal_at) -> dict:
    found = tiny_config(work_dir)
    found['train_dataloader']['num_workers'] = 1
    found['experiment_name'] = work_dir.name + str(len(signal_at))
    found['log_level'] = 'ERROR'
    if signal_at:
        found['custom_hooks'] = [dict(type='SignalAt', **signal_at)]
    return found


def weights(runner: Runner) -> dict:
    return {k: v.clone() for k, v in runner.model.state_dict().items()}


# Iteration 5 is the first half of an update of two.
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_saves_exits_and_resumes_bit_equal(tmp_path, number):
    whole = Runner.from_cfg(Config(config(tmp_path / 'whole')))
    whole.train()
    before = signal.getsignal(number)
    stopped = Runner.from_cfg(
        Config(config(tmp_path / 'run', iteration=4, number=number))
    )
    with pytest.raises(SystemExit) as caught:
        stopped.train()
    assert caught.value.code == EXIT_INTERRUPTED == 75
    # A worker that hangs would block the exit.
    assert not multiprocessing.active_children()
    assert signal.getsignal(number) is before
    last = last_checkpoint(tmp_path / 'run')
    assert last.name == 'interrupted.pth'

    load_only_safely()
    found = config(tmp_path / 'run')
    found.update(resume=True, load_from=str(last))
    resumed = Runner.from_cfg(Config(found))
    resumed.train()
    wanted = weights(whole)
    assert all(torch.equal(wanted[k], v) for k, v in weights(resumed).items())
    assert last_checkpoint(tmp_path / 'run').name == 'epoch_3.pth'


def test_a_second_signal_exits_at_once(tmp_path):
    script = tmp_path / 'run.py'
    script.write_text(
        'import sys\n'
        'from mmengine.config import Config\n'
        'from mmengine.runner import Runner\n'
        'from pathlib import Path\n'
        'from tests.engine.hooks.test_interrupt_hook import config\n'
        f'found = config(Path({str(tmp_path / "run")!r}), iteration=8,\n'
        '    number=15, times=2)\n'
        'Runner.from_cfg(Config(found)).train()\n'
    )
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == -signal.SIGTERM, done.stderr[-2000:]
    # The second signal may not have arrived yet.
    found = last_checkpoint(tmp_path / 'run').name
    assert found in ('epoch_1.pth', 'epoch_2.pth')


def test_needs_a_hook_that_saves(tmp_path):
    found = config(tmp_path)
    found['default_hooks']['checkpoint']['type'] = 'CheckpointHook'
    with pytest.raises(ValueError, match='InterruptHook needs.*Durable'):
        Runner.from_cfg(Config(found)).train()
