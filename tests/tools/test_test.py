import json

import cv2
import pytest
import torch

from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.cli.commands import test
from mixmae.registry import MODELS
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import call_tool

TRAIN, TEST = ROOT / 'tools/train.py', ROOT / 'tools/test.py'


def test_metrics_do_not_depend_on_the_batch_size(
    monkeypatch, tmp_path, capsys
):
    config = tiny_config(tmp_path)
    config['log_level'] = 'ERROR'
    path = write_config(tmp_path / 'tiny.py', config)
    call_tool(
        monkeypatch, TRAIN, path, '--cfg-options', 'train_cfg.max_epochs=1'
    )
    checkpoint = tmp_path / 'epoch_1.pth'
    figures = []
    for batch_size in (3, 7):
        out = tmp_path / 'results' / f'{batch_size}.json'
        shown = tmp_path / 'shown'
        call_tool(
            monkeypatch,
            TEST,
            path,
            checkpoint,
            '--out',
            out,
            '--show-dir',
            shown,
            '--num-panels',
            1,
            '--cfg-options',
            f'test_dataloader.batch_size={batch_size}',
        )
        figures.append(json.loads(out.read_text()))
        assert '"reconstruction/loss"' in capsys.readouterr().out
    assert figures[0].keys() == figures[1].keys()
    for name, value in figures[0].items():
        if name.startswith('reconstruction/'):
            assert figures[1][name] == pytest.approx(value, rel=1e-6)
    panel = cv2.imread(str(shown / 'panel_00.png'))
    assert panel is not None and panel.shape[1] > 300


def test_the_folder_of_a_training(monkeypatch, tmp_path, capsys):
    """``mixmae train`` keeps the name of the config, here tiny.py."""
    config = tiny_config(tmp_path)
    config['work_dir'] = str(tmp_path / 'run')
    path = write_config(tmp_path / 'tiny.py', config)
    call_tool(
        monkeypatch, TRAIN, path, '--cfg-options', 'train_cfg.max_epochs=1'
    )
    call_tool(monkeypatch, TEST, tmp_path / 'run')
    assert '"reconstruction/loss"' in capsys.readouterr().out
    (tmp_path / 'run/b.py').write_text('')
    with pytest.raises(SystemExit):
        call_tool(monkeypatch, TEST, tmp_path / 'run')
    assert 'several configs, b.py, tiny.py;' in capsys.readouterr().err


def test_an_untrained_head_is_refused(monkeypatch, tmp_path, capsys):
    config = tiny_config(tmp_path)
    path = write_config(tmp_path / 'tiny.py', config)
    backbone = MODELS.build(config['model']).backbone.state_dict()
    state = {f'backbone.{key}': value for key, value in backbone.items()}
    torch.save({'state_dict': state}, tmp_path / 'a.pth')
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, TEST, path, tmp_path / 'a.pth')
    assert caught.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert 'no weights for' in error and 'neck.mask_token' in error


@pytest.mark.parametrize(
    'options, message',
    [
        (['--num-panels', '2'], '--num-panels has no effect without'),
        (['--num-panels', '0', '--show-dir', 'd'], 'must be at least 1'),
        (['--show-dir', '/proc/d'], 'cannot be written'),
    ],
)
def test_invalid_panel_options(
    monkeypatch, tmp_path, capsys, options, message
):
    monkeypatch.chdir(tmp_path)
    path = write_config(tmp_path / 'tiny.py', tiny_config(tmp_path))
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, TEST, path, 'no.pth', *options)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_folder_of_a_run_stands_for_config_and_checkpoint(tmp_path):
    (tmp_path / 'best_loss_epoch_2.pth').touch()
    args = test.parse_args([str(tmp_path)])
    assert args.config == str(tmp_path / 'config.py')
    assert best_checkpoint(args.checkpoint).endswith('best_loss_epoch_2.pth')
    args = test.parse_args(['a.py', str(tmp_path)])
    assert (args.config, args.checkpoint) == ('a.py', str(tmp_path))
    with pytest.raises(SystemExit):
        test.parse_args(['a.py'])
