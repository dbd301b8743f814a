import functools
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner

from mixmae.checkpoints.durable_file import damage
from mixmae.engine import checkpoint_writer
from mixmae.engine.checkpoint_loader import last_checkpoint
from mixmae.engine.checkpoint_writer import (
    CheckpointWriteError,
    CheckpointWriter,
)
from mixmae.engine.finite_values import NonFiniteError
from mixmae.engine.hooks import DurableCheckpointHook
from mixmae.registry import HOOKS
from tests.engine.numbers_run import train_numbers
from tests.engine.tiny_run import tiny_config

DURABLE = dict(type='DurableCheckpointHook', interval=1, max_keep_ckpts=2)


@pytest.fixture(autouse=True)
def writer(monkeypatch):
    """One that no failure of another test has stopped."""
    fresh = CheckpointWriter()
    monkeypatch.setattr(checkpoint_writer, 'WRITER', fresh)
    monkeypatch.setattr(
        'mixmae.engine.hooks.durable_checkpoint_hook.WRITER', fresh
    )
    return fresh


def config(tmp_path: Path, **checkpoint) -> Config:
    found = tiny_config(tmp_path / 'run')
    found['default_hooks']['checkpoint'] = {**DURABLE, **checkpoint}
    return Config(found)


def test_the_newest_two_are_kept_with_their_checksums(tmp_path):
    Runner.from_cfg(config(tmp_path)).train()
    names = sorted(p.name for p in (tmp_path / 'run').glob('*.pth*'))
    kept = ['epoch_2.pth', 'epoch_3.pth']
    assert names == sorted([*kept, *(f'{name}.sha256' for name in kept)])
    assert all(damage(tmp_path / 'run' / name) is None for name in kept)
    assert last_checkpoint(tmp_path / 'run').name == 'epoch_3.pth'


@pytest.mark.parametrize('spoil', ['truncate', 'flip', 'remove'])
def test_a_damaged_newest_one_is_passed_over(tmp_path, caplog, spoil):
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


def test_a_full_disk_stops_the_run_and_spares_the_last_one(
    tmp_path, monkeypatch
):
    written = []

    def full(path, data):
        if len(written) == 2:
            raise OSError(28, 'No space left on device', str(path))
        written.append(path)
        Path(path).write_bytes(data)

    monkeypatch.setattr(checkpoint_writer, 'write_durably', full)
    with pytest.raises(CheckpointWriteError, match='epoch_3.pth.*No space'):
        Runner.from_cfg(config(tmp_path)).train()
    names = sorted(p.name for p in (tmp_path / 'run').glob('*.pth'))
    assert names == ['epoch_1.pth', 'epoch_2.pth']
    assert last_checkpoint(tmp_path / 'run').name == 'epoch_2.pth'


def test_what_it_writes_is_what_mmengine_writes(tmp_path):
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
def test_one_is_not_enough(keep):
    with pytest.raises(ValueError, match=f'at least 2.*got {keep}'):
        HOOKS.build({**DURABLE, 'max_keep_ckpts': keep})


@HOOKS.register_module(force=True)
class SpoilStateHook(Hook):
    """Something that no gradient explains, in the third iteration."""

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
def test_what_is_not_finite_is_never_written(tmp_path, writer, what, names):
    spoil = dict(type='mixmae.SpoilStateHook', what=what)
    ema = dict(type='EMAHook')
    # The guard of the gradients would leave out the update that follows.
    with pytest.raises(NonFiniteError) as caught:
        train_numbers(tmp_path, ema, spoil)
    line = str(caught.value)
    assert line.startswith('iter_4.pth is not written, because ')
    assert names in line and 'go on with --resume' in line
    # What was on its way to the disk gets there.
    writer.finish()
    assert [p.name for p in tmp_path.glob('*.pth')] == ['iter_2.pth']
    assert last_checkpoint(tmp_path).name == 'iter_2.pth'


SCORES = (0.1, 0.3, 0.2, 0.4, 0.35)


@HOOKS.register_module(force=True)
class ScoreHook(Hook):
    """Tells a score after every update, as a validation does."""

    def before_train_iter(self, runner: Runner, *args, **kwargs):
        if runner.iter and runner.iter % 2 == 0:
            scores = dict(score=SCORES[runner.iter // 2 - 1])
            for hook in runner.hooks:
                if isinstance(hook, DurableCheckpointHook):
                    hook.after_val_epoch(runner, scores)


def test_the_best_one_goes_when_a_better_one_stands(tmp_path, monkeypatch):
    order: list[tuple] = []
    for name in ('write_durably', 'remove'):

        def noted(path, *data, name=name, plain=None):
            order.append((name, Path(path).name))
            plain(path, *data)

        plain = getattr(checkpoint_writer, name)
        monkeypatch.setattr(
            checkpoint_writer, name, functools.partial(noted, plain=plain)
        )
    best = {
        'default_hooks.checkpoint.save_best': 'score',
        'default_hooks.checkpoint.rule': 'greater',
        'default_hooks.checkpoint.max_keep_ckpts': 2,
    }
    train_numbers(tmp_path, dict(type='mixmae.ScoreHook'), **best)
    names = {p.name for p in tmp_path.glob('*.pth')}
    (last,) = (name for name in names if name.startswith('best_'))
    assert last == 'best_score_iter_8.pth'
    assert {'iter_10.pth', 'iter_12.pth'} <= names
    assert damage(tmp_path / last) is None
    files = [one for one in order if one[1].startswith('best_')]
    better = [f'best_score_iter_{n}.pth' for n in (2, 4, 8)]
    assert files == [
        ('write_durably', better[0]),
        ('write_durably', better[1]),
        ('remove', better[0]),
        ('write_durably', better[2]),
        ('remove', better[1]),
    ]
