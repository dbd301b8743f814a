import copy
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.cli.command_line import run_config
from mixmae.cli.commands import train
from mixmae.cli.commands.train import apply_arguments, parse_args
from mixmae.fileio.atomic_write import checksummed_write, damage
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import call_tool, load_tool, run_tool

TRAIN = ROOT / 'tools' / 'train.py'


def configured(tmp_path, *arguments: str) -> Config:
    """Return the config as the tool would run it."""
    path = tmp_path / 'tiny.py'
    config = tiny_config(tmp_path)
    del config['work_dir']
    config['custom_hooks'] = [dict(type='ReconstructionHook')]
    write_config(path, config)
    args = parse_args([str(path), *arguments])
    cfg = run_config(args)
    apply_arguments(cfg, args)
    return cfg


def test_arguments_reach_the_config(tmp_path):
    cfg = configured(tmp_path)
    assert cfg.work_dir == 'work_dirs/tiny'
    assert not cfg.resume and cfg.optim_wrapper.dtype == 'float32'
    assert cfg.launcher == 'none'

    cfg = configured(
        tmp_path,
        '--work-dir=elsewhere',
        '--resume',
        '--amp',
        '--auto-scale-lr',
        '--seed=7',
        '--no-validate',
        '--local-rank=1',
        '--cfg-options',
        'train_cfg.max_epochs=5',
        'model.backbone.window_sizes=[2,2]',
    )
    assert cfg.work_dir == 'elsewhere'
    assert not cfg.resume and cfg.load_from is None
    assert cfg.optim_wrapper.dtype == 'auto'
    assert cfg.auto_scale_lr.enable
    assert cfg.randomness.seed == 7
    assert cfg.val_cfg is None and not cfg.custom_hooks
    assert cfg.train_cfg.max_epochs == 5
    assert cfg.model.backbone.window_sizes == [2, 2]


def test_openmp_wait_policy_is_set_before_torch_is_imported():
    lines = TRAIN.read_text().splitlines()
    told = "os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')"
    # MMEngine imports torch, as all of ours do.
    imports = [
        index
        for index, line in enumerate(lines)
        if line.startswith(('from mm', 'from mixmae', 'import torch'))
    ]
    assert lines.index(told) < min(imports)


def test_damaged_checkpoints_are_not_resumed(monkeypatch, tmp_path, capsys):
    path = write_config(tmp_path / 'tiny.py', tiny_config(tmp_path / 'run'))
    folder = tmp_path / 'run'
    folder.mkdir()
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        checksummed_write(folder / name, b'whole')
        (folder / name).write_bytes(b'not so')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_2.pth'))
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, TRAIN, path, '--resume')
    assert caught.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f'error: {folder} holds 2 checkpoints, such as')


@pytest.mark.slow
def test_trains_and_resumes_from_the_command_line(monkeypatch, tmp_path):
    config = tiny_config(tmp_path / 'none')
    config['log_level'] = 'ERROR'
    path = write_config(tmp_path / 'tiny.py', config)
    work_dir = tmp_path / 'run'
    arguments = (TRAIN, path, '--work-dir', work_dir)
    run_tool(*arguments, '--cfg-options', 'train_cfg.max_epochs=1')
    assert (work_dir / 'epoch_1.pth').is_file()
    # Workers that hang would be waited for.
    ended = []
    monkeypatch.setattr(train, 'end_workers', lambda: ended.append(1))
    call_tool(monkeypatch, *arguments, '--resume', '--resume-with', 'config')
    assert ended and (work_dir / 'epoch_3.pth').is_file()
    logs = sorted(work_dir.glob('*/vis_data/scalars.json'))
    rows = [json.loads(line) for line in logs[-1].read_text().splitlines()]
    assert min(row['iter'] for row in rows if 'iter' in row) == 5
    assert any('reconstruction/loss' in row for row in rows)


def quiet_config(tmp_path, **checkpoint) -> Path:
    config = tiny_config(tmp_path / 'run')
    config['log_level'] = 'ERROR'
    config['default_hooks']['checkpoint'].update(checkpoint)
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config[key] = None
    return write_config(tmp_path / 'tiny.py', config)


def last_error(capsys) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


def contents(folder) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_the_same_command_again_overwrites_nothing(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)
    path = quiet_config(tmp_path)
    run = tmp_path / 'run'
    run.mkdir()
    (run / 'notes.txt').write_text('mine')
    call_tool(monkeypatch, TRAIN, path)
    before = contents(run)
    assert {'epoch_3.pth', 'run.json', 'notes.txt'} <= set(before)
    for arguments in ([], ['--seed=5'], ['--resume', run / 'epoch_9.pth']):
        with pytest.raises(SystemExit) as caught:
            call_tool(monkeypatch, TRAIN, path, *arguments)
        assert caught.value.code == 2
        assert last_error(capsys).startswith('error: ')
        assert contents(run).keys() == before.keys()
        assert contents(run)['epoch_3.pth'] == before['epoch_3.pth']
    # Nothing is left to do, or asked for.
    for more in ([], ['--cfg-options', 'train_cfg.max_epochs=2']):
        call_tool(monkeypatch, TRAIN, path, '--resume', *more)
        assert 'nothing is left to do' in capsys.readouterr().out
        assert contents(run)['epoch_3.pth'] == before['epoch_3.pth']
    short = ['--cfg-options', 'train_cfg.max_epochs=1']
    call_tool(monkeypatch, TRAIN, path, '--overwrite', '--seed=5', *short)
    after = contents(run)
    assert after['notes.txt'] == b'mine'
    assert [n for n in after if n.endswith('.pth')] == ['epoch_1.pth']
    assert after['epoch_1.pth'] != before['epoch_1.pth']


def test_a_run_that_cannot_start_has_removed_nothing(monkeypatch, tmp_path):
    path = quiet_config(tmp_path)
    run = tmp_path / 'run'
    run.mkdir()
    (run / 'epoch_1.pth').write_bytes(b'weights')
    bad = 'train_dataloader.dataset.length=1'
    with pytest.raises(SystemExit) as caught:
        call_tool(
            monkeypatch, TRAIN, path, '--overwrite', '--cfg-options', bad
        )
    assert caught.value.code == 2
    assert (run / 'epoch_1.pth').read_bytes() == b'weights'


def test_checkpoints_elsewhere_are_resumed_and_locked(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)
    path = quiet_config(tmp_path, out_dir=str(tmp_path / 'out'))
    short = ['--cfg-options', 'train_cfg.max_epochs=2']
    call_tool(monkeypatch, TRAIN, path, *short)
    out = tmp_path / 'out' / 'run'
    assert (out / 'epoch_2.pth').is_file() and (out / '.lock').is_file()
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, TRAIN, path, *short)
    assert caught.value.code == 2 and str(out) in last_error(capsys)
    os.truncate(out / 'epoch_2.pth', 1000)
    before = (out / 'epoch_1.pth').read_bytes()
    call_tool(monkeypatch, TRAIN, path, '--resume', *short)
    assert damage(out / 'epoch_2.pth') is None
    assert (out / 'epoch_1.pth').read_bytes() == before
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        os.truncate(out / name, 1000)
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, TRAIN, path, '--resume', *short)
    assert caught.value.code == 2
    assert '2 checkpoints' in last_error(capsys)


def errors(tmp_path) -> dict[str, tuple[list, str]]:
    """Faulty arguments of the tool, and words of the error line."""
    good = tiny_config(tmp_path / 'run')
    path = write_config(tmp_path / 'good.py', good)
    small = copy.deepcopy(good)
    small['train_dataloader']['dataset']['length'] = 3
    unknown = copy.deepcopy(good)
    unknown['model']['backbone']['type'] = 'MIMSwim'
    broken = tmp_path / 'broken.py'
    broken.write_text('model = dict(\n')
    pickled = tmp_path / 'pickled.pth'
    torch.save({'state_dict': {}, 'what': errors}, pickled)
    return {
        'no file': ([tmp_path / 'no.py'], 'does not exist'),
        'bad key': (
            [path, '--cfg-options', 'optim_wraper.dtype=float32'],
            'did you mean optim_wrapper?',
        ),
        'bad argument': (
            [path, '--cfg-options', 'model.backbone.windows=7'],
            "unexpected keyword argument 'windows'",
        ),
        'bad value': (
            [path, '--cfg-options', 'optim_wrapper.dtype=half'],
            "'half'; allowed are 'auto'",
        ),
        'too few images': (
            [write_config(tmp_path / 'small.py', small)],
            '3 images do not fill one update',
        ),
        'unknown type': (
            [write_config(tmp_path / 'unknown.py', unknown)],
            'MIMSwim is not in the mixmae::model registry',
        ),
        'syntax': ([broken], 'broken.py'),
        'no checkpoint': (
            [path, '--resume', tmp_path / 'no.pth'],
            'there is no such file',
        ),
        'unsafe checkpoint': (
            [path, '--resume', pickled],
            'cannot be loaded safely',
        ),
        'not started': (
            [path, '--launcher', 'pytorch'],
            '--launcher pytorch needs RANK',
        ),
    }


def test_config_errors_are_one_line(monkeypatch, tmp_path, capsys):
    module = load_tool(TRAIN)
    for name in ('RANK', 'WORLD_SIZE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    for name, (arguments, expected) in errors(tmp_path).items():
        argv = ['train.py', *map(str, arguments)]
        monkeypatch.setattr(sys, 'argv', argv)
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            module.run_tool(module.main)
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert caught.value.code == 2, name
        assert last.startswith('error: ') and expected in last, name


def test_bugs_keep_their_traceback(monkeypatch):
    module = load_tool(TRAIN)

    def buggy():
        return [1, 2, 3].index(4)

    with pytest.raises(ValueError, match='is not in list'):
        module.run_tool(buggy)


@pytest.mark.slow
def test_exit_status_and_stderr(tmp_path):
    done = run_tool(TRAIN, tmp_path / 'no.py', check=False)
    assert done.returncode == 2
    assert done.stderr.count('\n') == 1 and 'Traceback' not in done.stderr


def test_weights_of_another_network_do_not_start_a_training(
    monkeypatch, tmp_path, capsys
):
    path = write_config(tmp_path / 'tiny.py', tiny_config(tmp_path))
    torch.save(
        {'state_dict': {'layer1.weight': torch.ones(1)}}, tmp_path / 'x.pth'
    )
    with pytest.raises(SystemExit) as caught:
        call_tool(
            monkeypatch,
            ROOT / 'tools/train.py',
            path,
            '--cfg-options',
            f'load_from={tmp_path / "x.pth"}',
        )
    assert caught.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert 'has no weights for' in error and 'backbone.' in error
