"""Settings of a resumed run, compared with those of its checkpoint."""

from __future__ import annotations

import json

import pytest
import torch
from mmengine.config import Config

from mixmae.engine.manifest.checkpoint_search import read_start
from mixmae.preflight.resume_check import changes
from mixmae.preflight.resume_rules import Effect
from mixmae.preflight.resumed_start import apply_start
from tests.preflight.resume_check.half_run import (
    LR,
    TRAIN,
    changed_checkpoint,
    folder_config,
    rates,
)
from tests.tools.running import call_tool


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


CHANGED = [
    f'{LR}=0.02',
    'optim_wrapper.optimizer.weight_decay=0.3',
    'train_cfg.max_epochs=3',
    'param_scheduler.1.eta_min=1e-4',
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
    # The last one of the warm-up is the first one of the cosine.
    assert len(wanted) == 12 and len(set(wanted)) == 11
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
    assert found.effect is Effect.REFUSED


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
def test_files_that_cannot_be_resumed_from(
    folder, monkeypatch, capsys, arguments, said
):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as stop:
        call_tool(monkeypatch, TRAIN, folder / 'tiny.py', *arguments)
    assert stop.value.code == 2 and said in capsys.readouterr().err
