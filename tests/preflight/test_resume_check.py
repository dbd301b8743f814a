"""Check of a resumed run's config against its checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from mixmae.engine.manifest.checkpoint_search import read_start
from mixmae.engine.manifest.manifest import Manifest
from mixmae.preflight.resume_check import changes
from mixmae.preflight.resume_rules import Verdict
from mixmae.preflight.run_start import apply_start
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import call_tool

TRAIN = ROOT / 'tools/train.py'
LR = 'optim_wrapper.optimizer.lr'


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)


def images(folder: Path, count: int = 19) -> Path:
    for number in range(count):
        path = folder / 'abc'[number % 3] / f'{number:03d}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (32, 32), (number, 0, 90)).save(path)
    return folder


def folder_config(folder: Path) -> dict:
    """Return a config of two epochs of a tiny MixMAE on image files."""
    config = tiny_config(folder / 'run')
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config[key] = None
    config['log_level'] = 'ERROR'
    config['train_cfg']['max_epochs'] = 2
    config['train_dataloader']['dataset'] = dict(
        type='UnlabeledImageFolder',
        data_root=str(folder / 'images'),
        listing_cache=False,
        pipeline=[
            dict(type='LoadImage'),
            dict(type='PackImage'),
        ],
    )
    return config


@pytest.fixture(scope='module')
def half(tmp_path_factory) -> Path:
    """Create a folder with images, a config, and a half-finished run."""
    folder = tmp_path_factory.mktemp('half')
    images(folder / 'images')
    path = write_config(folder / 'tiny.py', folder_config(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, '_log_env', lambda *_: None)
        call_tool(patch, TRAIN, path)
    # As if it had been killed in the second epoch.
    run = folder / 'run'
    for one in run.glob('epoch_2.pth*'):
        one.unlink()
    manifest = Manifest.read(run)
    del manifest.files['epoch_2.pth']
    manifest.finished = False
    manifest.write(run)
    (run / 'last_checkpoint').write_text('epoch_1.pth')
    return folder


@pytest.fixture
def folder(half, tmp_path) -> Path:
    """Copy the run to another place."""
    for name in ('images', 'run'):
        shutil.copytree(half / name, tmp_path / name)
    write_config(tmp_path / 'tiny.py', folder_config(tmp_path))
    return tmp_path


@pytest.fixture
def resume(folder, monkeypatch, capsys):
    """Call the tool; return its status and last line."""

    def call(*options: str, arguments: tuple = ()) -> tuple[int, str]:
        capsys.readouterr()
        more = ['--cfg-options', *options] if options else []
        status = 0
        config = folder / 'tiny.py'
        try:
            call_tool(
                monkeypatch, TRAIN, config, '--resume', *arguments, *more
            )
        except SystemExit as stop:
            status = stop.code
        said = capsys.readouterr()
        lines = (said.out + said.err).strip().splitlines()
        return status, lines[-1] if lines else ''

    return call


def test_moved_images_are_found(resume, folder):
    status, _ = resume(arguments=('--preflight-only',))
    assert status == 0
    moved = folder / 'deeper' / 'moved'
    moved.parent.mkdir()
    (folder / 'images').rename(moved)
    status, _ = resume(f'train_dataloader.dataset.data_root={moved}')
    assert status == 0 and (folder / 'run' / 'epoch_2.pth').is_file()
    record = read_start(folder / 'run' / 'epoch_2.pth').record
    assert record.config['train_dataloader']['dataset']['data_root'] == str(
        moved
    )


def test_a_finished_run_of_other_settings(resume):
    """It is not said to be one of this config."""
    assert resume()[0] == 0
    status, line = resume()
    assert status == 0 and line.endswith('nothing is left to do')
    status, line = resume('model.backbone.drop_path_rate=0.2', f'{LR}=0.5')
    assert status == 0 and 'nothing is left to do; it was trained' in line
    assert LR in line and 'model.backbone.drop_path_rate' in line


@pytest.mark.parametrize(
    ('arguments', 'said'),
    [
        (['--resume', 'run'], 'run is a folder: name a checkpoint'),
        (['--resume', 'gone.pth'], 'gone.pth: there is no such file'),
        (['--resume', '--overwrite'], 'use one of them'),
    ],
)
def test_what_cannot_be_resumed(folder, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stop:
        call_tool(monkeypatch, TRAIN, folder / 'tiny.py', *arguments)
    assert stop.value.code == 2 and said in capsys.readouterr().err


def rename(folder: Path) -> None:
    (folder / 'a/003.png').rename(folder / 'a/004.png')


def one_more(folder: Path) -> None:
    shutil.copy(folder / 'a/003.png', folder / 'a/104.png')


def replace(folder: Path) -> None:
    for number, path in enumerate(sorted(folder.rglob('*.png'))):
        path.rename(path.with_name(f'other_{number}.png'))


def repaint(folder: Path) -> None:
    Image.new('RGB', (40, 30)).save(folder / 'a/003.png')


def swap_folders(folder: Path) -> None:
    (folder / 'a').rename(folder / 'd')


@pytest.mark.parametrize(
    'change', [rename, one_more, replace, repaint, swap_folders]
)
def test_other_images_are_refused(resume, folder, change):
    change(folder / 'images')
    status, line = resume()
    assert status == 2 and line.startswith('error: ')
    assert 'images' in line and 'load_from=' in line
    assert not (folder / 'run' / 'epoch_2.pth').exists()


@pytest.mark.parametrize(
    ('option', 'both'),
    [
        ('optim_wrapper.optimizer.type=SGD', ("'SGD'", "'AdamW'")),
        ('randomness.seed=7', ('7', '0')),
        ('model.backbone.drop_path_rate=0.2', ('0.2', 'nothing')),
        ('train_cfg.type=EpochBasedTrainLoop', ("'EpochBasedTrainLoop'",)),
    ],
)
def test_fixed_settings_must_not_change(resume, folder, option, both):
    key = option.partition('=')[0]
    for flag in ((), ('--resume-with', 'config')):
        status, line = resume(option, arguments=flag)
        assert status == 2 and line.startswith(f'error: {key}=')
        assert all(value in line for value in both)


def test_optional_changes_need_a_flag(resume, folder):
    status, line = resume(f'{LR}=0.5')
    assert status == 2
    assert all(one in line for one in (f'{LR}=0.5', '0.001', '--resume-with'))


def rates(run: Path, after: int = 0) -> list[float]:
    """Return learning rates of the last start, after an iteration.

    Two starts within a second write to one folder.
    """
    log = sorted(run.glob('*/vis_data/scalars.json'))[-1]
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    rows = [row for row in rows if 'lr' in row and row['step'] > after]
    return [row['lr'] for row in rows]


CHANGED = [
    f'{LR}=0.02',
    'optim_wrapper.optimizer.weight_decay=0.3',
    'train_cfg.max_epochs=3',
    'param_scheduler.0.eta_min=1e-4',
]


def test_the_values_of_the_config_take_effect(
    resume, folder, monkeypatch, tmp_path
):
    """The rates equal those of a run that had the values from the start."""
    config = folder / 'tiny.py'
    anew = tmp_path / 'anew'
    call_tool(
        monkeypatch,
        TRAIN,
        config,
        '--work-dir',
        anew,
        '--cfg-options',
        *CHANGED,
    )
    wanted = rates(anew)
    assert len(wanted) == 12 and len(set(wanted)) == 12
    status, _ = resume(*CHANGED, arguments=('--resume-with', 'config'))
    assert status == 0
    assert rates(folder / 'run', after=4) == wanted[4:]
    content = torch.load(folder / 'run/epoch_3.pth', weights_only=False)
    group = content['optimizer']['param_groups'][0]
    assert group['weight_decay'] == 0.3 and group['initial_lr'] == 0.02
    # Next time nothing differs any more.
    assert 'nothing is left to do' in resume(*CHANGED)[1]


def test_the_values_of_the_checkpoint_are_kept(resume, folder, half):
    status, _ = resume(*CHANGED, arguments=('--resume-with', 'checkpoint'))
    assert status == 0
    assert not (folder / 'run' / 'epoch_3.pth').exists()
    content = torch.load(folder / 'run/epoch_2.pth', weights_only=False)
    group = content['optimizer']['param_groups'][0]
    assert group['weight_decay'] == 0.01 and group['initial_lr'] == 1e-3
    again = resume(*CHANGED, arguments=('--resume-with', 'checkpoint'))
    assert again[0] == 0 and 'nothing is left to do' in again[1]


def test_checkpoints_in_a_former_folder_stay_listed(resume, folder):
    out = folder / 'out'
    status, _ = resume(f'default_hooks.checkpoint.out_dir={out}')
    assert status == 0 and (out / 'run/epoch_2.pth').is_file()
    files = Manifest.read(folder / 'run').files
    assert files.keys() == {'epoch_1.pth', 'epoch_2.pth'}


def changed_checkpoint(path: Path, change: Callable[[dict], object]) -> None:
    """Change the content of a checkpoint."""
    content = torch.load(path, weights_only=False)
    change(content)
    torch.save(content, path)
    path.with_name(path.name + '.sha256').unlink(missing_ok=True)


@pytest.mark.parametrize('key', ['param_scheduler', 'optim_wrapper'])
def test_kept_settings_name_registered_parts_only(
    resume, folder, monkeypatch, key
):
    """Text of a checkpoint could import any module and call any function."""
    monkeypatch.syspath_prepend(folder)
    module = 'print(open("imported", "w").close())\nPart = dict\n'
    (folder / 'module_of_a_checkpoint.py').write_text(module)
    monkeypatch.chdir(folder)
    part = dict(type='module_of_a_checkpoint.Part')

    def forge(content: dict) -> None:
        record = json.loads(content['meta']['run'])
        if key == 'param_scheduler':
            record['config'][key] = [part]
        else:
            record['config'][key].update(part)
        content['meta']['run'] = json.dumps(record)

    changed_checkpoint(folder / 'run/epoch_1.pth', forge)
    status, line = resume(arguments=('--resume-with', 'checkpoint'))
    assert status == 2 and 'module_of_a_checkpoint.Part' in line
    assert not (folder / 'imported').exists()


def test_a_checkpoint_without_schedules(resume, folder):
    """From ``save_param_scheduler=False``: the schedules would restart."""
    path = folder / 'run/epoch_1.pth'
    changed_checkpoint(path, lambda content: content.pop('param_schedulers'))
    for flag in ((), ('--resume-with', 'checkpoint')):
        status, line = resume(arguments=flag)
        assert status == 2 and '--resume-with config' in line
    assert resume(arguments=('--resume-with', 'config'))[0] == 0
    found = rates(folder / 'run', after=4)
    assert len(found) == 4 and max(found) < 0.6e-3


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


def test_a_flag_without_effect_is_an_error(monkeypatch, folder, capsys):
    with pytest.raises(SystemExit) as caught:
        call_tool(
            monkeypatch,
            TRAIN,
            folder / 'tiny.py',
            '--resume-with',
            'config',
        )
    assert caught.value.code == 2
    assert 'no effect without --resume' in capsys.readouterr().err


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


def test_a_drawn_seed_is_taken_from_the_checkpoint(half):
    """The order of the images depends on it before anything is loaded."""
    start = read_start(half / 'run' / 'epoch_1.pth')
    cfg = Config(folder_config(half))
    cfg.randomness = dict(seed=None)
    apply_start(cfg, start)
    assert cfg.randomness.seed == start.seed == 0
    assert cfg.resume and cfg.load_from == start.path
    keys = [one.key for one in changes(start, cfg)]
    assert 'randomness.seed' not in keys
    cfg.randomness.seed = 3
    (found,) = (
        one for one in changes(start, cfg) if one.key == 'randomness.seed'
    )
    assert found.verdict is Verdict.REFUSED
