import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner
from mmengine.visualization import LocalVisBackend

from mixmae.checkpoints.io import checkpoint_writer
from mixmae.config.failure_report import failure_line
from mixmae.engine.finite_values import NonFiniteError
from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.engine.manifest.manifest import Manifest
from mixmae.fileio.atomic_write import (
    CheckpointWriteError,
    damage,
)
from mixmae.registry import HOOKS
from tests.engine.hooks.durable_run import DURABLE, config, fresh_writer
from tests.engine.numbers_run import train_numbers
from tests.engine.tiny_run import tiny_config


@pytest.fixture(autouse=True)
def writer(monkeypatch):
    return fresh_writer(monkeypatch)


def test_the_newest_two_are_kept_with_their_checksum_files(tmp_path):
    Runner.from_cfg(config(tmp_path)).train()
    names = sorted(p.name for p in (tmp_path / 'run').glob('*.pth*'))
    kept = ['epoch_2.pth', 'epoch_3.pth']
    assert names == sorted([*kept, *(f'{name}.sha256' for name in kept)])
    assert all(damage(tmp_path / 'run' / name) is None for name in kept)
    assert last_checkpoint(tmp_path / 'run').name == 'epoch_3.pth'


@pytest.mark.parametrize('spoil', ['truncate', 'flip', 'remove'])
def test_a_damaged_newest_checkpoint_is_skipped(tmp_path, caplog, spoil):
    Runner.from_cfg(config(tmp_path)).train()
    newest = tmp_path / 'run' / 'epoch_3.pth'
    data = bytearray(newest.read_bytes())
    if spoil == 'truncate':
        newest.write_bytes(data[:-100])
    elif spoil == 'flip':
        data[len(data) // 2] ^= 4
        newest.write_bytes(data)
    else:
        newest.unlink()
    assert last_checkpoint(tmp_path / 'run').name == 'epoch_2.pth'


def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(
    tmp_path, monkeypatch
):
    written = []

    def full(path, data):
        if len(written) == 2:
            raise OSError(28, 'No space left on device', str(path))
        written.append(path)
        Path(path).write_bytes(data)

    monkeypatch.setattr(checkpoint_writer, 'checksummed_write', full)
    with pytest.raises(CheckpointWriteError, match='epoch_3.pth.*No space'):
        Runner.from_cfg(config(tmp_path)).train()
    names = sorted(p.name for p in (tmp_path / 'run').glob('*.pth'))
    assert names == ['epoch_1.pth', 'epoch_2.pth']
    assert last_checkpoint(tmp_path / 'run').name == 'epoch_2.pth'


def test_the_content_is_that_of_mmengines_hook(tmp_path):
    Runner.from_cfg(config(tmp_path)).train()
    plain = tiny_config(tmp_path / 'plain')
    plain['default_hooks']['checkpoint']['type'] = 'CheckpointHook'
    del plain['default_hooks']['interrupt']
    Runner.from_cfg(Config(plain)).train()
    states = [
        torch.load(folder / 'epoch_3.pth', weights_only=False)['state_dict']
        for folder in (tmp_path / 'run', tmp_path / 'plain')
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


@pytest.mark.parametrize('keep', [0, 1])
def test_keeping_one_checkpoint_is_refused(keep):
    with pytest.raises(ValueError, match=f'at least 2.*got {keep}'):
        HOOKS.build({**DURABLE, 'max_keep_ckpts': keep})


@HOOKS.register_module(force=True)
class SpoilStateHook(Hook):
    """Sets a state to NaN in iteration 3 while gradients stay finite."""

    def __init__(self, what: str) -> None:
        self.what = what

    def after_train_iter(self, runner: Runner, *args, **kwargs):
        if runner.iter != 2:
            return
        state = runner.optim_wrapper.optimizer.state[runner.model.out.bias]
        averages = [h for h in runner.hooks if isinstance(h, EMAHook)]
        spoilt = {
            'weight': runner.model.out.weight,
            'statistics': runner.model.norm.running_var,
            'optimizer': state['exp_avg_sq'],
            'average': averages[0].ema_model.module.out.bias,
        }
        with torch.no_grad():
            spoilt[self.what][0] = float('inf')


@pytest.mark.parametrize(
    ('what', 'names'),
    [
        ('weight', 'out.weight'),
        ('statistics', 'norm.running_var'),
        ('optimizer', 'exp_avg_sq of out.bias'),
        ('average', 'average of out.bias'),
    ],
)
def test_non_finite_states_are_never_written(tmp_path, writer, what, names):
    spoil = dict(type='mixmae.SpoilStateHook', what=what)
    ema = dict(type='EMAHook')
    # The gradient guard would skip the next update.
    with pytest.raises(NonFiniteError) as caught:
        train_numbers(tmp_path, ema, spoil)
    line = str(caught.value)
    assert line.startswith('iter_4.pth was not written, because ')
    assert names in line and 'continue with --resume' in line
    # Pending checkpoints are written.
    writer.finish()
    assert [p.name for p in tmp_path.glob('*.pth')] == ['iter_2.pth']
    assert last_checkpoint(tmp_path).name == 'iter_2.pth'


@pytest.mark.parametrize(
    'template',
    ['../iter_{}.pth', '/tmp/{}.pth', 'a/{}.pth', 'iter.pth', '{}', '{x}.pth',
     '.{}.pth', '{}\n.pth', 'iter_{}_{}.pth', 3],
)  # fmt: skip
def test_templates_name_files_of_the_folder(template):
    with pytest.raises(ValueError, match='filename_tmpl must be a file name'):
        HOOKS.build({**DURABLE, 'filename_tmpl': template})


def test_an_unwritable_folder_is_one_line(tmp_path, monkeypatch):
    def refuse(self, work_dir):
        raise PermissionError(13, 'Permission denied', str(work_dir))

    monkeypatch.setattr(Manifest, 'write', refuse)
    with pytest.raises(ValueError, match='the work'):
        train_numbers(tmp_path)


@HOOKS.register_module(force=True)
class RemoveFolderHook(Hook):
    """Removes the work folder in the third iteration."""

    priority = 'VERY_HIGH'

    def after_train_iter(self, runner: Runner, *args, **kwargs):
        if runner.iter == 2:
            checkpoint_writer.WRITER.finish()
            shutil.rmtree(runner.work_dir)


def test_a_removed_folder_is_not_created_again(tmp_path, monkeypatch):
    run = tmp_path / 'run'
    # Its files are MMEngine's.
    monkeypatch.setattr(LocalVisBackend, 'add_scalars', lambda *_, **__: None)
    with pytest.raises(CheckpointWriteError, match='folder was removed while'):
        train_numbers(run, dict(type='mixmae.RemoveFolderHook'))
    assert not list(run.glob('*.pth'))


def test_a_full_disk_at_the_manifest_is_one_line(tmp_path, monkeypatch):
    def full(self, work_dir):
        raise OSError(28, 'No space left on device', str(work_dir))

    monkeypatch.setattr(Manifest, 'write', full)
    with pytest.raises(OSError, match='No space left') as caught:
        train_numbers(tmp_path)
    assert failure_line(caught.value).startswith('the disk is full')


def test_a_misspelt_argument_is_an_error():
    with pytest.raises(TypeError, match="unexpected .* 'intervall'"):
        HOOKS.build({**DURABLE, 'intervall': 2})
