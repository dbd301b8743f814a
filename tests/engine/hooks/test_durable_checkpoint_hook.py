from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.checkpoints.durable_file import damage
from mixmae.engine import checkpoint_writer
from mixmae.engine.checkpoint_loader import last_checkpoint
from mixmae.engine.checkpoint_writer import (
    CheckpointWriteError,
    CheckpointWriter,
)
from mixmae.registry import HOOKS
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
