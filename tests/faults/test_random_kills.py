"""A run that is killed again and again ends as if it never had been.

``KILLS=200 pytest tests/faults`` kills more often than a test suite can.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.engine.tiny_run import ROOT, tiny_config, write_config

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get('KILLS', '2'))
LAST = 'iter_120.pth'


def start(config: Path, work_dir: Path) -> subprocess.Popen:
    environment = dict(
        os.environ,
        OMP_NUM_THREADS='1',
        CUDA_VISIBLE_DEVICES='',
        PYTHONPATH=str(ROOT),
    )
    return subprocess.Popen(
        [
            sys.executable,
            str(ROOT / 'tools/train.py'),
            str(config),
            '--resume',
            '--work-dir',
            str(work_dir),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Workers of the data loader are killed along.
        start_new_session=True,
    )


def finish(run: subprocess.Popen) -> None:
    _, error = run.communicate(timeout=240)
    assert run.returncode == 0, error.decode()[-3000:]


def kill_after_a_while(run: subprocess.Popen, work_dir: Path) -> bool:
    """SIGKILL within a second after the first sign of training.

    Returns:
        False if the run ended by itself before.
    """

    def seen() -> list:
        return sorted(work_dir.glob('*.pth*')) if work_dir.is_dir() else []

    before = {path: path.stat().st_mtime_ns for path in seen()}
    while run.poll() is None:
        if any(path not in before for path in seen()):
            break
        time.sleep(0.01)
    time.sleep(random.random())
    ended = run.poll() is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    return not ended


def test_the_weights_are_those_of_a_run_that_was_never_killed(tmp_path):
    random.seed(0)
    config = tiny_config(tmp_path)
    config['model']['backbone']['drop_path_rate'] = 0.5
    config['train_dataloader']['dataset']['length'] = 160
    config['train_dataloader']['num_workers'] = 1
    config['val_dataloader'] = config['val_evaluator'] = None
    config['val_cfg'] = None
    config['custom_imports'] = dict(imports=['tests.engine.tiny_run'])
    config['default_hooks']['checkpoint'].update(by_epoch=False, interval=2)
    path = write_config(tmp_path / 'tiny.py', config)
    finish(start(path, tmp_path / 'whole'))

    killed, attempts = 0, 0
    work_dir = tmp_path / 'run'
    while killed < KILLS:
        attempts += 1
        # It ended before it could be killed: once more from the beginning.
        if (work_dir / LAST).is_file():
            work_dir = tmp_path / f'run{attempts}'
        killed += kill_after_a_while(start(path, work_dir), work_dir)
    finish(start(path, work_dir))
    wanted, found = (
        torch.load(folder / LAST, weights_only=False)
        for folder in (tmp_path / 'whole', work_dir)
    )
    states = [
        (content['state_dict'], content['optimizer']['state'])
        for content in (wanted, found)
    ]
    torch.testing.assert_close(*states, rtol=0, atol=0)
