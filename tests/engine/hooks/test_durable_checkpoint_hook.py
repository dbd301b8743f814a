import functools
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import CheckpointLoader, Runner
from mmengine.visualization import LocalVisBackend

from mixmae.checkpoints.io import checkpoint_writer
from mixmae.checkpoints.io.checkpoint_loader import load_only_safely
from mixmae.checkpoints.io.checkpoint_writer import (
    CheckpointWriter,
)
from mixmae.config.failure_report import failure_line
from mixmae.engine.finite_values import NonFiniteError
from mixmae.engine.hooks import DurableCheckpointHook
from mixmae.engine.manifest.checkpoint_search import last_checkpoint
from mixmae.engine.manifest.manifest import Manifest
from mixmae.fileio.checksummed_write import (
    CheckpointWriteError,
    damage,
    sidecar,
)
from mixmae.registry import HOOKS
from tests.engine.numbers_run import train_numbers
from tests.engine.tiny_run import tiny_config

DURABLE = dict(type='DurableCheckpointHook', interval=1, max_keep_ckpts=2)


@pytest.fixture(autouse=True)
def writer(monkeypatch):
    """One that no failure of another test has stopped."""
    fresh = CheckpointWriter()
    monkeypatch.setattr(checkpoint_writer, 'WRITER', fresh)
    for name in ('hooks.durable_checkpoint_hook', 'manifest.run_files'):
        monkeypatch.setattr(f'mixmae.engine.{name}.WRITER', fresh)
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

    monkeypatch.setattr(checkpoint_writer, 'checksummed_write', full)
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
    """A run in which the best checkpoint is that of iteration 4."""
    folder = tmp_path_factory.mktemp('scored')
    stop = {'train_cfg.max_epochs': 1}
    train_numbers(folder, SCORING, **BEST, **stop)
    assert (folder / 'best_score_iter_4.pth').is_file()
    return folder


def forged(source: Path, target: Path, victim: Path) -> Path:
    """A checkpoint that names a file to be removed in all places."""
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
def test_a_checkpoint_names_no_file_to_remove(
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


def test_the_run_that_is_resumed_elsewhere_loses_nothing(scored, tmp_path):
    before = files(scored)
    run = tmp_path / 'run'
    start = str(scored / 'iter_4.pth')
    runner = train_numbers(run, SCORING, load_from=start, resume=True, **BEST)
    assert files(scored) == before
    # Better than the one that the checkpoint knows of, and there is no worse.
    assert runner.message_hub.get_info('best_score') == 0.4
    names = {path.name for path in run.glob('best_*.pth')}
    assert names == {'best_score_iter_8.pth'}


def test_in_its_own_folder_it_goes_on_with_its_best(scored, tmp_path):
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


def test_going_back_supersedes_what_came_after(tmp_path):
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
    # Should all of its own be damaged, it still finds them.
    for name in ('iter_10.pth', 'iter_12.pth'):
        (tmp_path / name).write_bytes(b'')
    assert last_checkpoint(tmp_path).name == 'iter_6.pth'


@pytest.mark.parametrize(
    'template',
    ['../iter_{}.pth', '/tmp/{}.pth', 'a/{}.pth', 'iter.pth', '{}', '{x}.pth',
     '.{}.pth', '{}\n.pth', 'iter_{}_{}.pth', 3],
)  # fmt: skip
def test_templates_name_files_of_the_folder(template):
    with pytest.raises(ValueError, match='filename_tmpl must be a name'):
        HOOKS.build({**DURABLE, 'filename_tmpl': template})


def test_where_nothing_can_be_written_one_line_says_so(tmp_path, monkeypatch):
    def refuse(self, work_dir):
        raise PermissionError(13, 'Permission denied', str(work_dir))

    monkeypatch.setattr(Manifest, 'write', refuse)
    with pytest.raises(ValueError, match='nothing can be written to the work'):
        train_numbers(tmp_path)


@HOOKS.register_module(force=True)
class RemoveFolderHook(Hook):
    """Removes the work folder in the third iteration."""

    priority = 'VERY_HIGH'

    def after_train_iter(self, runner: Runner, *args, **kwargs):
        if runner.iter == 2:
            checkpoint_writer.WRITER.finish()
            shutil.rmtree(runner.work_dir)


def test_a_folder_that_is_removed_is_not_made_anew(tmp_path, monkeypatch):
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
