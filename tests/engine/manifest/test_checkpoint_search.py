"""Search for the newest intact checkpoint by iteration."""

import os
import random
import shutil
import time
import zipfile
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mixmae.engine.manifest.checkpoint_search import (
    last_checkpoint,
    read_start,
    start_to_resume,
)
from mixmae.engine.manifest.manifest import (
    Manifest,
    RunFolders,
    WrittenFile,
    files_before,
    is_written_name,
)
from mixmae.fileio.atomic_write import checksummed_write, sidecar


def checkpoint(path: Path, iteration: int, epoch: int = 0) -> Path:
    """Write a small checkpoint that a run can resume from."""
    hub = dict(log_scalars={}, runtime_info={}, resumed_keys={})
    content = dict(
        meta=dict(epoch=epoch, iter=iteration, seed=0),
        state_dict={'a': torch.rand(100)},
        message_hub=hub,
        optimizer={},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


def listed(folder: Path, **iterations: int) -> None:
    """Write a manifest and its files."""
    files = {}
    for stem, iteration in iterations.items():
        path = checkpoint(folder / f'{stem}.pth', iteration)
        checksummed_write(path, path.read_bytes())
        kind = 'interrupted' if stem == 'interrupted' else 'checkpoint'
        files[path.name] = WrittenFile(kind, 0, iteration)
    Manifest(None, files).write(folder)


def folders(place: Path) -> RunFolders:
    return RunFolders(place, place)


def test_an_empty_folder_has_none(tmp_path):
    assert last_checkpoint(tmp_path) is None
    assert last_checkpoint(tmp_path / 'none') is None
    assert start_to_resume(folders(tmp_path)) is None


@pytest.mark.parametrize('manifest', [True, False])
def test_foreign_files_are_not_resumed_from(tmp_path, manifest):
    if manifest:
        listed(tmp_path, iter_77=77, iter_80=80)
    else:
        checkpoint(tmp_path / 'iter_77.pth', 77)
        checkpoint(tmp_path / 'iter_80.pth', 80)
    (tmp_path / 'last_checkpoint').write_text('run/iter_80.pth')
    os.truncate(tmp_path / 'iter_80.pth', 1000)
    checkpoint(tmp_path / 'converted.pth', 99)
    checkpoint(tmp_path / 'best_acc_iter_90.pth', 90)
    (tmp_path / 'iter_85.pth').symlink_to('/nowhere')
    (tmp_path / 'zz.pth').symlink_to('zz.pth')
    assert last_checkpoint(tmp_path).name == 'iter_77.pth'


@pytest.mark.parametrize('manifest', [True, False])
def test_the_highest_iteration_is_chosen_not_the_newest_file(
    tmp_path, manifest
):
    first = tmp_path / 'first'
    names = dict(iter_9=9, iter_80=80, interrupted=35)
    listed(first, **names)
    if not manifest:
        (first / 'run.json').unlink()
    copy = Path(shutil.copytree(first, tmp_path / 'copy'))
    now = time.time()
    for age, name in enumerate(('interrupted', 'iter_9', 'iter_80')):
        os.utime(copy / f'{name}.pth', (now - age, now - age))
    assert last_checkpoint(copy).name == 'iter_80.pth'
    os.truncate(copy / 'iter_80.pth', 10)
    assert last_checkpoint(copy).name == 'interrupted.pth'
    (copy / 'interrupted.pth').unlink()
    assert last_checkpoint(copy).name == 'iter_9.pth'


def test_a_superseded_checkpoint_is_skipped(tmp_path):
    listed(tmp_path, iter_4=4, iter_8=8)
    manifest = Manifest.read(tmp_path)
    manifest.files['iter_8.pth'].superseded = True
    manifest.write(tmp_path)
    assert last_checkpoint(tmp_path).name == 'iter_4.pth'


def damaged(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == 'empty':
        data = bytearray()
    elif how == 'text':
        data = bytearray(b'<html>not found</html>')
    elif how == 'method':
        # Of compression, in the central directory: NotImplementedError.
        data[data.rindex(b'PK\1\2') + 10] = 99
    elif how == 'encrypted':
        data[data.rindex(b'PK\1\2') + 8] |= 1
    elif how == 'another zip':
        path.unlink()
        with zipfile.ZipFile(path, 'w') as file:
            file.writestr('a', 'b')
        return
    elif how == 'no run':
        torch.save({'state_dict': {}}, path)
        return
    elif how == 'no iteration':
        content = torch.load(path, weights_only=False)
        content['meta']['iter'] = -1
        torch.save(content, path)
        return
    else:
        rng = random.Random(how)
        for _ in range(50):
            data[rng.randrange(len(data))] = rng.randrange(256)
    path.write_bytes(data)


KINDS = ['empty', 'text', 'method', 'encrypted', 'another zip', 'no run']


@pytest.mark.parametrize('summed', [True, False])
@pytest.mark.parametrize('how', [*KINDS, 'no iteration', *map(str, range(8))])
def test_every_kind_of_damage_falls_back(tmp_path, how, summed):
    listed(tmp_path, iter_4=4, iter_8=8)
    damaged(tmp_path / 'iter_8.pth', how)
    if not summed:
        sidecar(tmp_path / 'iter_8.pth').unlink()
    assert start_to_resume(folders(tmp_path)).iter == 4


def test_a_run_without_an_intact_checkpoint_is_an_error(tmp_path):
    listed(tmp_path, iter_4=4, iter_8=8)
    for name in ('iter_4.pth', 'iter_8.pth'):
        os.truncate(tmp_path / name, 10)
    with pytest.raises(ValueError, match='2 checkpoints, such as iter_8.pth'):
        start_to_resume(folders(tmp_path))


def test_last_checkpoint_without_its_file_is_an_error(tmp_path):
    listed(tmp_path, iter_4=4)
    # Listed but never written: the run was killed in between.
    (tmp_path / 'iter_4.pth').unlink()
    assert start_to_resume(folders(tmp_path)) is None
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/iter_4.pth')
    with pytest.raises(ValueError, match='refers to iter_4.pth, but neither'):
        start_to_resume(folders(tmp_path))


@pytest.mark.parametrize('note', [b'', b'\xff\x00.pth', b'x' * 999, b'/'])
def test_a_garbled_last_checkpoint_is_skipped(tmp_path, note):
    checkpoint(tmp_path / 'iter_4.pth', 4)
    (tmp_path / 'last_checkpoint').write_bytes(note)
    assert last_checkpoint(tmp_path) == tmp_path / 'iter_4.pth'


def test_last_checkpoint_names_no_file_elsewhere(tmp_path):
    outside = checkpoint(tmp_path / 'other' / 'iter_9.pth', 9)
    run = tmp_path / 'run'
    checkpoint(run / 'iter_4.pth', 4)
    (run / 'last_checkpoint').write_text(str(outside))
    assert last_checkpoint(run) == run / 'iter_4.pth'


@pytest.mark.parametrize(
    'text',
    [
        '',
        '[]',
        '{"version": 2}',
        '{"version": 1, "files": {"../a.pth": {}}}',
        '{"version": 1, "files": {"a.pth": {"kind": "checkpoint"}}}',
        '{"version": 1, "files": {"a.txt": {"kind": "best", "iter": 1, '
        '"epoch": 1}}}',
    ],
)
def test_without_a_valid_manifest_file_names_are_used(tmp_path, text, caplog):
    listed(tmp_path, iter_4=4, iter_12=12)
    (tmp_path / 'run.json').write_text(text)
    with pytest.raises(ValueError, match=r'run\.json'):
        Manifest.read(tmp_path)
    assert last_checkpoint(tmp_path).name == 'iter_12.pth'


def test_the_folder_of_the_checkpoints_is_searched(tmp_path):
    hook = dict(out_dir=str(tmp_path / 'out'), filename_tmpl='ck_{:03d}.pth')
    cfg = Config(
        dict(
            work_dir=str(tmp_path / 'run/'),
            default_hooks=dict(checkpoint=hook),
        )
    )
    found = RunFolders.of(cfg)
    assert found.checkpoints == tmp_path / 'out' / 'run'
    assert len(found.places) == 2
    for step in (3, 12):
        checkpoint(found.checkpoints / f'ck_{step:03d}.pth', step)
    assert start_to_resume(found).iter == 12
    os.truncate(found.checkpoints / 'ck_012.pth', 10)
    assert start_to_resume(found).iter == 3
    cfg.default_hooks.checkpoint.out_dir = cfg.work_dir = str(tmp_path)
    assert RunFolders.of(cfg).places == (tmp_path,)


def test_a_named_checkpoint_without_an_optimizer_is_refused(tmp_path):
    path = checkpoint(tmp_path / 'a.pth', 4)
    assert read_start(path).iter == 4
    content = torch.load(path)
    del content['optimizer']
    torch.save(content, path)
    with pytest.raises(ValueError, match='no optimizer.*load_from='):
        read_start(path)


@pytest.mark.parametrize('name', ['run.json', 'last_checkpoint'])
def test_a_named_pipe_does_not_block(tmp_path, name):
    path = checkpoint(tmp_path / 'epoch_1.pth', 4, epoch=1)
    os.mkfifo(tmp_path / name)
    assert last_checkpoint(tmp_path) == path


def test_names_of_a_template_are_recognised_without_a_manifest(tmp_path):
    names = ('run1x.pth', 'run2x.pth', 'run9x.pth', 'converted.pth')
    for name in names:
        checkpoint(tmp_path / name, 4)
    place = RunFolders(tmp_path, tmp_path, 'run{}x.pth')
    found = files_before(place, 8, epoch_length=4)
    places = {name: (one.epoch, one.iter) for name, one in found.items()}
    assert places == {'run1x.pth': (1, 4), 'run2x.pth': (2, 8)}
    assert is_written_name('best_loss_run2x.pth', place.template)
    assert not is_written_name('best_loss_run2x.pth')
