"""Content of a checkpoint that a run resumes from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mixmae.engine.manifest.manifest import Manifest
from tests.preflight.resume_check.half_run import (
    changed_checkpoint,
    rates,
)


def test_checkpoints_in_a_former_folder_stay_listed(resume, folder):
    out = folder / 'out'
    status, _ = resume(f'default_hooks.checkpoint.out_dir={out}')
    assert status == 0 and (out / 'run/epoch_2.pth').is_file()
    files = Manifest.read(folder / 'run').files
    assert files.keys() == {'epoch_1.pth', 'epoch_2.pth'}


def test_a_checkpoint_without_schedules(resume, folder):
    """From ``save_param_scheduler=False``: the schedules would restart."""
    path = folder / 'run/epoch_1.pth'
    changed_checkpoint(path, lambda content: content.pop('param_schedulers'))
    for flag in ((), ('--resume-with', 'checkpoint')):
        status, line = resume(arguments=flag)
        assert status == 2 and '--resume-with config' in line
    assert resume(arguments=('--resume-with', 'config'))[0] == 0
    found = rates(folder / 'run', after=4)
    # Begun again, they would warm up to 1e-3.
    assert len(found) == 4 and max(found) < 0.8e-3
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize(
    'change',
    [
        lambda content: content.update(optimizer='text'),
        lambda content: content.update(param_schedulers='text'),
        lambda content: content['param_schedulers'][0].update(last_step='a'),
        lambda content: content['param_schedulers'][0].update(step=5),
        lambda content: content['optimizer']['param_groups'][0].pop('betas'),
        lambda content: content['optimizer']['state'][0].update(
            exp_avg=torch.zeros(7)
        ),
    ],
)
def test_a_forged_state_is_one_line(resume, folder, change):
    changed_checkpoint(folder / 'run/epoch_1.pth', change)
    status, line = resume()
    assert status == 2 and line.startswith('error: ')
    assert 'epoch_1.pth' in line


def as_before(path: Path, text: bool = True) -> None:
    """Write the checkpoint as versions without a manifest wrote it."""
    content = torch.load(path, weights_only=False)
    del content['meta']['run']
    del content['message_hub']['runtime_info']['train_loader']
    if not text:
        del content['meta']['cfg']
    torch.save(content, path)
    path.with_name(path.name + '.sha256').unlink()


@pytest.mark.parametrize('text', [True, False])
def test_checkpoints_without_a_manifest_are_compared_by_their_config(
    resume, folder, text
):
    as_before(folder / 'run' / 'epoch_1.pth', text)
    (folder / 'run' / 'run.json').unlink()
    status, line = resume(
        'model.backbone.drop_path_rate=0.2', arguments=('--preflight-only',)
    )
    assert status == (2 if text else 0)
    if text:
        assert 'drop_path_rate=0.2' in line
    root = f'train_dataloader.dataset.data_root={folder / "images"}'
    assert resume(root)[0] == 0
    assert (folder / 'run' / 'epoch_2.pth').is_file()
