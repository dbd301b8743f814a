"""Watchdog in a run of two ranks, one of which hangs or is killed."""

import os
import re
import signal
import time

import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.cli.command_line import run_tool
from mixmae.config import failure_report
from mixmae.distributed.process_group import prepare_process_group
from mixmae.engine.hooks.watchdog_hook import WatchdogHook
from mixmae.registry import HOOKS
from tests.engine.forked import start_two_ranks
from tests.engine.tiny_run import tiny_config
from tests.engine.watchdog_limit import limit_watchdog


@HOOKS.register_module(force=True)
class BreakAt(Hook):
    """Kills rank 1 or makes it hang before its fifth iteration."""

    def __init__(self, how: str) -> None:
        self.how = how

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if (runner.rank, runner.iter) != (1, 4):
            return
        if self.how == 'kill':
            os.kill(os.getpid(), signal.SIGKILL)
        # Time limits of other ranks are long, also for slow machines.
        limit_watchdog(runner, 2.0)
        time.sleep(600)


def config(work_dir, how: str) -> Config:
    found = tiny_config(work_dir)
    found['train_dataloader']['dataset']['length'] = 35
    found['val_dataloader'] = found['val_evaluator'] = None
    found['val_cfg'] = None
    # The watchdog runs before other default hooks: 'iteration 5'.
    found['default_hooks']['watchdog'] = dict(
        type='WatchdogHook', timeout=600.0, grace=600.0
    )
    found['custom_hooks'] = [dict(type='BreakAt', how=how)]
    found['launcher'] = 'pytorch'
    return Config(found)


def train(cfg: Config) -> None:
    prepare_process_group(cfg)
    Runner.from_cfg(cfg).train()


@pytest.mark.slow
@pytest.mark.parametrize('how', ['hang', 'kill'])
def test_the_first_cause_is_reported_first(tmp_path, how, monkeypatch):
    monkeypatch.setattr(failure_report, 'PATIENCE', 0.2)
    ranks, logs = start_two_ranks(
        lambda: run_tool(lambda: train(config(tmp_path, how))), tmp_path
    )
    for rank in ranks:
        rank.join(120)
    said = [log.read_text() for log in logs]
    codes = [rank.exitcode for rank in ranks]
    lost = 'error: rank 0: another rank has ended ('
    assert codes[0] == 1 and lost in said[0], said
    assert 'Traceback' not in said[0]
    if how == 'kill':
        assert codes[1] == -signal.SIGKILL
        return
    assert codes[1] == failure_report.EXIT_HUNG == 70
    # Before the other rank ended because this one was gone.
    start_of_line = 'error: rank 1: no progress for [0-9]+ s in iteration 5'
    line = re.search(start_of_line, said[1])
    # With the position in the code.
    assert line and 'time.sleep(600)' in said[1][line.start() :], said[1]


def test_a_single_process_is_not_watched(tmp_path):
    hook = WatchdogHook()
    hook.before_run(None)
    assert hook._dog is None
    hook.after_run(None)


def test_arguments():
    with pytest.raises(ValueError, match='timeout must be above 0 seconds'):
        WatchdogHook(timeout=0)
