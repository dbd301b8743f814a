"""Signal to one of two ranks: both save and both resume."""

from pathlib import Path

import pytest
import torch

from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.fileio.atomic_write import damage
from tests.engine.tiny_run import tiny_config, write_config
from tests.tools.running import dist_train

pytestmark = pytest.mark.slow


def weights(folder: Path) -> dict:
    content = torch.load(folder / 'epoch_3.pth', weights_only=False)
    return content['state_dict']


def test_both_save_and_continue_bit_equal(tmp_path):
    config = tiny_config(tmp_path)
    config['model']['backbone']['drop_path_rate'] = 0.5
    # Each rank has half of each batch, so twice the images an epoch.
    config['train_dataloader']['dataset']['length'] = 35
    config['val_dataloader'] = config['val_evaluator'] = None
    config['val_cfg'] = None
    imports = [
        'tests.engine.tiny_run',
        'tests.engine.hooks.test_interrupt_hook',
    ]
    config['custom_imports'] = dict(imports=imports)
    whole = write_config(tmp_path / 'whole.py', config)
    # Within the second epoch, and only rank 1 gets the signal.
    told = dict(type='SignalAt', iteration=5, number=15, rank=1)
    config['custom_hooks'] = [told]
    stopped = write_config(tmp_path / 'stopped.py', config)

    done = dist_train(whole, 2, '--work-dir', tmp_path / 'whole')
    assert done.returncode == 0, done.stderr[-3000:]
    again = (stopped, 2, '--work-dir', tmp_path / 'run')
    done = dist_train(*again)
    assert done.returncode != 0
    assert 'exitcode  : 75' in done.stderr, done.stderr[-3000:]
    last = last_checkpoint(tmp_path / 'run')
    assert last.name == 'interrupted.pth' and damage(last) is None
    assert torch.load(last, weights_only=False)['meta']['iter'] == 6
    # Its signal is over; the settings are those of the checkpoint.
    done = dist_train(*again, '--resume')
    assert done.returncode == 0, done.stderr[-3000:]
    wanted = weights(tmp_path / 'whole')
    found = weights(tmp_path / 'run')
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)
