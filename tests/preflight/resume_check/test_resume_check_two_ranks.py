"""Resume on two ranks: the main rank decides, and both report it and end."""

import os
import subprocess
import sys

import pytest

from tests.engine.tiny_run import ROOT, tiny_config, write_config

pytestmark = pytest.mark.slow


@pytest.fixture
def train(tmp_path):
    config = tiny_config(tmp_path / 'run', batch_size=2)
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config[key] = None
    config['log_level'] = 'ERROR'
    config['train_cfg']['max_epochs'] = 1
    path = write_config(tmp_path / 'tiny.py', config)
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    environment.update(CUDA_VISIBLE_DEVICES='', PYTHON=sys.executable)

    def run(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [str(ROOT / 'tools/dist_train.sh'), str(path), '2', *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_all_ranks_refuse_or_resume_together(train, tmp_path):
    status, said = train()
    assert status == 0, said[-3000:]
    longer = ('--cfg-options', 'train_cfg.max_epochs=2')
    for arguments in ((), ('--resume', *longer)):
        status, said = train(*arguments)
        assert status == 1
        for rank in range(2):
            assert f'error: rank {rank}: ' in said
    status, said = train('--resume')
    assert status == 0 and said.count('nothing is left to do') == 1
    status, said = train('--resume', '--resume-with', 'config', *longer)
    assert status == 0, said[-3000:]
    assert (tmp_path / 'run' / 'epoch_2.pth').is_file()
