"""Removal of old checkpoints: only files that the run itself wrote."""

import functools
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import CheckpointLoader, Runner

from mixmae.checkpoints.io import checkpoint_writer
from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.engine.hooks import DurableCheckpointHook
from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.engine.manifest.manifest import Manifest
from mixmae.fileio.atomic_write import (
    damage,
    sidecar,
)
from mixmae.registry import HOOKS
from tests.engine.hooks.durable_run import fresh_writer
from tests.engine.numbers_run import train_numbers


@pytest.fixture(autouse=True)
def writer(monkeypatch):
    return fresh_writer(monkeypatch)


SCORES = (0.1, 0.3, 0.2, 0.4, 0.35)


@HOOKS.register_module(force=True)
class ScoreHook(Hook):
    """Reports a score after every update, like a validation."""

    def before_train_iter(self, runner: Runner, *args, **kwargs):
        if runner.iter and runner.iter % 2 == 0:
            scores = dict(score=SCORES[runner.iter // 2 - 1])
            for hook in runner.hooks:
                if isinstance(hook, DurableCheckpointHook):
                    hook.after_val_epoch(runner, scores)


def test_the_old_best_is_removed_after_a_better_one_is_saved(
    tmp_path, monkeypatch
):
    order: list[tuple] = []
    for name in ('checksummed_write', 'remove'):

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
        ('checksummed_write', better[0]),
        ('checksummed_write', better[1]),
        ('remove', better[0]),
        ('checksummed_write', better[2]),
        ('remove', better[1]),
    ]


BEST = {
    'default_hooks.checkpoint.save_best': 'score',
    'default_hooks.checkpoint.rule': 'greater',
    'default_hooks.checkpoint.max_keep_ckpts': 2,
}
SCORING = dict(type='mixmae.ScoreHook')


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob('*.pth*')}


@pytest.fixture(scope='module')
def scored(tmp_path_factory):
    """Train; the best checkpoint is that of iteration 4."""
    folder = tmp_path_factory.mktemp('scored')
    stop = {'train_cfg.max_epochs': 1}
    train_numbers(folder, SCORING, **BEST, **stop)
    assert (folder / 'best_score_iter_4.pth').is_file()
    return folder


def forged(source: Path, target: Path, victim: Path) -> Path:
    """Write a checkpoint whose fields name files to be removed."""
    content = torch.load(source, weights_only=False)
    step = str(victim.with_suffix(''))
    content['message_hub']['runtime_info'].update(
        best_ckpt=str(victim),
        best_score=-1.0,
        best_files={'best_ckpt': str(victim), 'best_ckpt_score': '../' * 9},
        keep_ckpt_ids=[step, step, step],
        outdated_ckpt_ids=[step],
        last_ckpt=str(victim),
    )
    torch.save(content, target)
    return target


@pytest.mark.parametrize('safe', [True, False])
def test_names_in_a_checkpoint_are_never_removed(
    scored, tmp_path, monkeypatch, safe
):
    if safe:
        schemes = dict(CheckpointLoader._schemes)
        monkeypatch.setattr(CheckpointLoader, '_schemes', schemes)
        load_only_safely()
    victim = tmp_path / 'outside' / 'precious.pth'
    victim.parent.mkdir()
    victim.write_bytes(b'weights')
    sidecar(victim).write_bytes(b'checksum')
    start = forged(scored / 'iter_4.pth', tmp_path / 'evil.pth', victim)
    train_numbers(
        tmp_path / 'run', SCORING, load_from=str(start), resume=True, **BEST
    )
    assert victim.read_bytes() == b'weights' and sidecar(victim).is_file()
    assert start.is_file()


def test_a_run_resumed_elsewhere_loses_no_file(scored, tmp_path):
    before = files(scored)
    run = tmp_path / 'run'
    start = str(scored / 'iter_4.pth')
    runner = train_numbers(run, SCORING, load_from=start, resume=True, **BEST)
    assert files(scored) == before
    # Better than the one in the checkpoint; no worse one follows.
    assert runner.message_hub.get_info('best_score') == 0.4
    names = {path.name for path in run.glob('best_*.pth')}
    assert names == {'best_score_iter_8.pth'}


def test_a_run_resumed_in_its_folder_keeps_its_best(scored, tmp_path):
    run = tmp_path / 'run'
    shutil.copytree(scored, run)
    (run / 'best_of_all.pth').write_bytes(b'of the user')
    start = str(run / 'iter_4.pth')
    train_numbers(run, SCORING, load_from=start, resume=True, **BEST)
    names = {path.name for path in run.glob('best_*.pth')}
    assert names == {'best_of_all.pth', 'best_score_iter_8.pth'}
    listed = Manifest.read(run)
    assert set(listed.files) == {
        'best_score_iter_8.pth',
        'iter_10.pth',
        'iter_12.pth',
    }
    assert listed.finished


def test_resuming_an_earlier_checkpoint_supersedes_later_ones(tmp_path):
    keep = {'default_hooks.checkpoint.max_keep_ckpts': 3}
    train_numbers(tmp_path, **keep)
    start = str(tmp_path / 'iter_8.pth')

    @HOOKS.register_module(force=True)
    class StopHook(Hook):
        def after_train_iter(self, runner, *args, **kwargs):
            if runner.iter == 8:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_numbers(
            tmp_path,
            dict(type='mixmae.StopHook'),
            load_from=start,
            resume=True,
            **keep,
        )
    assert (tmp_path / 'iter_12.pth').is_file()
    assert last_checkpoint(tmp_path).name == 'iter_8.pth'


def test_files_of_folders_without_a_manifest_are_kept(tmp_path):
    keep = {'default_hooks.checkpoint.max_keep_ckpts': 2}
    first = {'train_cfg.max_epochs': 1}
    train_numbers(tmp_path, **first)
    (tmp_path / 'run.json').unlink()
    start = str(tmp_path / 'iter_6.pth')
    train_numbers(tmp_path, load_from=start, resume=True, **keep)
    names = {path.name for path in tmp_path.glob('*.pth')}
    assert names == {f'iter_{n}.pth' for n in (2, 4, 6, 10, 12)}
    # They are still found if its own files are damaged.
    for name in ('iter_10.pth', 'iter_12.pth'):
        (tmp_path / name).write_bytes(b'')
    assert last_checkpoint(tmp_path).name == 'iter_6.pth'
