"""A run does not overwrite checkpoints of another run without a request."""

import os
import shutil
from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook

from mixmae.engine.hooks.durable_checkpoint_hook import (
    DurableCheckpointHook,
)
from mixmae.engine.hooks.overwrite_hook import OverwriteHook
from mixmae.engine.manifest.checkpoint_search import StartPoint
from mixmae.engine.manifest.manifest import Manifest, RunFolders, WrittenFile
from mixmae.preflight import PlannedRun
from mixmae.preflight.work_folder_check import DiskSpace, WorkFolderCheck

PLANNED = PlannedRun('train', Config({}))


@pytest.fixture
def folders(tmp_path):
    return RunFolders(tmp_path, tmp_path)


def start(path) -> StartPoint:
    return StartPoint(str(path), 0, 4, None, 0, 1)


def errors(*args, **kwargs) -> str:
    return '\n'.join(WorkFolderCheck(*args, **kwargs).run(PLANNED).errors)


def test_foreign_files_do_not_prevent_a_run(folders, tmp_path):
    for name in ('notes.txt', 'converted.pth', 'epoch_4.txt', 'my_iter_1.pth'):
        (tmp_path / name).write_text('mine')
    Manifest(None).write(tmp_path)
    assert errors(folders) == ''
    assert WorkFolderCheck(folders, overwrite=True).obstacles() == []


@pytest.mark.parametrize(
    'name',
    ['epoch_4.pth', 'iter_400.pth', 'interrupted.pth', 'best_a_epoch_4.pth'],
)
def test_files_of_another_run_prevent_a_run(folders, tmp_path, name):
    (tmp_path / name).write_bytes(b'weights')
    line = errors(folders)
    assert f'up to {name}' in line
    assert all(f'--{one}' in line for one in ('resume', 'overwrite'))
    assert errors(folders, overwrite=True) == ''


def test_a_manifest_names_further_ones(folders, tmp_path):
    files = {
        'ck_9.pth': WrittenFile('checkpoint', 1, 9),
        'ck_80.pth': WrittenFile('checkpoint', 8, 80),
    }
    Manifest(None, files).write(tmp_path)
    # Listed but missing files do not prevent a run.
    assert errors(folders) == ''
    for name in files:
        (tmp_path / name).write_bytes(b'weights')
    assert 'up to ck_80.pth' in errors(folders)


def test_only_the_run_of_the_checkpoint_continues(folders, tmp_path):
    inside, outside = tmp_path / 'iter_4.pth', tmp_path / 'a' / 'iter_4.pth'
    inside.write_bytes(b'weights')
    assert errors(folders, start(inside)) == ''
    assert 'up to iter_4.pth' in errors(folders, start(outside))
    assert errors(folders, start(outside), overwrite=True) == ''
    assert 'one of --resume and --overwrite' in errors(
        folders, start(inside), overwrite=True
    )


def test_overwriting_removes_files_of_the_run_only(folders, tmp_path):
    mine = ['converted.pth', 'converted.pth.sha256', 'log.txt']
    runs = ['iter_4.pth', 'iter_4.pth.sha256', 'run.json', 'last_checkpoint']
    torch.save({}, tmp_path / 'iter_4.pth')
    for name in (*mine, *runs[1:]):
        (tmp_path / name).write_text('{}')
    check = WorkFolderCheck(folders, overwrite=True)
    OverwriteHook(folders, check.obstacles())._remove()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(mine)


@pytest.mark.parametrize(
    'name',
    ['epoch_1.pth', 'best_a_iter_4.pth', 'interrupted.pth', 'run.json',
     'last_checkpoint', 'corrupt_files.txt', 'epoch_9.pth.sha256'],
)  # fmt: skip
def test_a_folder_in_the_place_of_a_file(tmp_path, name):
    """It can neither be removed nor written to, resumed or not."""
    folders = RunFolders(tmp_path / 'run', tmp_path / 'other')
    for folder in folders.places:
        (folder / name).mkdir(parents=True)
        for overwrite in (True, False):
            line = errors(folders, overwrite=overwrite)
            assert str(folder / name) in line and 'move it' in line
        assert 'move it' in errors(folders, start(folder / 'epoch_2.pth'))
        (folder / name).rmdir()
        os.mkfifo(folder / name)
        assert 'move it' in errors(folders)
        (folder / name).unlink()
    (tmp_path / 'run' / 'epoch_1').mkdir()
    assert errors(folders) == ''


# 101,000 parameters.
MODEL = torch.nn.Linear(100, 1_000)
# Bytes of weights and both moments of AdamW.
SIZE = 3 * 4 * 101_000


def space(folders, free, monkeypatch, hooks=(), overwrite=False, **options):
    """Return the finding on a disk with so many free bytes."""
    usage = namedtuple('usage', 'free')(int(free))
    monkeypatch.setattr(shutil, 'disk_usage', lambda path: usage)
    runner = SimpleNamespace(
        hooks=[DurableCheckpointHook(**{'interval': 1, **options}), *hooks],
        model=MODEL,
        max_epochs=10,
        max_iters=100,
    )
    config = Config(dict(optim_wrapper=dict(optimizer=dict(type='AdamW'))))
    planned = PlannedRun('train', config, runner=runner)
    return DiskSpace(folders, overwrite).run(planned)


def test_one_checkpoint_must_fit(folders, monkeypatch):
    found = space(folders, 0.99 * SIZE, monkeypatch)
    assert 'not one can be saved' in found.errors[0]
    assert not space(folders, 1.01 * SIZE, monkeypatch).errors
    # Averaged weights are saved as well.
    ema = [EMAHook()]
    assert space(folders, 1.01 * SIZE, monkeypatch, ema).errors
    assert not space(folders, 1.34 * SIZE, monkeypatch, ema).errors


@pytest.mark.parametrize(
    ('options', 'number'),
    [
        # Three are kept, and one more while it is written.
        ({}, 4),
        (dict(max_keep_ckpts=-1, interval=2), 5),
        (dict(interval=5), 2),
        (dict(by_epoch=False, interval=10, max_keep_ckpts=5), 6),
        (dict(save_best='loss', rule='less'), 6),
        (dict(interval=-1), 1),
        (dict(save_optimizer=False), 4 / 3),
    ],
)
def test_checkpoints_that_are_kept_should_fit(
    folders, monkeypatch, options, number
):
    enough = number * SIZE
    assert not space(folders, enough, monkeypatch, **options).warnings
    found = space(folders, enough - 1_000, monkeypatch, **options)
    assert found.warnings or (number == 1 and found.errors)


def test_space_of_earlier_checkpoints(folders, monkeypatch):
    """A resume replaces them one by one, --overwrite before it starts."""
    for epoch in (1, 2, 3):
        path = folders.checkpoints / f'epoch_{epoch}.pth'
        path.write_bytes(bytes(SIZE))
    assert not space(folders, 1.01 * SIZE, monkeypatch).warnings
    assert space(folders, 0.5 * SIZE, monkeypatch).errors
    replacing = space(folders, 0.5 * SIZE, monkeypatch, overwrite=True)
    assert not replacing.errors and replacing.warnings
