"""Code in given files is not run by any tool."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from mixmae.checkpoints.conversion.automatic_conversion import (
    INCOMING,
    OUTGOING,
)
from tests.apis.tiny_setup import photo_folder, tiny_checkpoint
from tests.engine.tiny_run import ROOT, tiny_config, write_config
from tests.tools.running import call_tool

TOOLS = ROOT / 'tools'
CONVERTERS = [
    *(('convert', f'--from={name}') for name in INCOMING),
    *(('convert', f'--to={name}') for name in OUTGOING),
    ('model_converters/mixmae_to_onnx',),
]


class Malicious:
    """Object that writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, 'w')


@pytest.fixture
def mark(tmp_path):
    """Return a file that exists if code in the checkpoint has run."""
    return tmp_path / 'was_run'


@pytest.fixture
def bad(tmp_path, mark):
    """Write a checkpoint that is valid except for its code."""
    path = tiny_checkpoint(tmp_path / 'bad.pth')
    content = torch.load(path, weights_only=False)
    torch.save({**content, 'more': Malicious(mark)}, path)
    return path


@pytest.fixture
def refused(monkeypatch, capsys, mark):
    """Call a tool, which must refuse."""

    def call(tool: Path, *arguments: object) -> None:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            call_tool(monkeypatch, tool, *arguments)
        line = capsys.readouterr().err.splitlines()[-1]
        assert not mark.exists()
        assert caught.value.code == 2
        assert line.startswith('error: ') and 'bad.pth' in line
        assert 'cannot be loaded safely: it wants to run' in line
        assert '--trust-checkpoint' in line

    return call


def test_train_and_test(monkeypatch, refused, bad, tmp_path):
    # It would call compilers, which takes seconds.
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)
    config = tiny_config(tmp_path / 'run')
    config['log_level'] = 'ERROR'
    path = write_config(tmp_path / 'tiny.py', config)
    refused(TOOLS / 'train.py', path, '--resume', bad)
    option = f'load_from={bad}'
    refused(TOOLS / 'train.py', path, '--cfg-options', option)
    refused(TOOLS / 'test.py', path, bad)
    init = copy.deepcopy(config)
    init['model']['backbone']['init_cfg'] = dict(
        type='Pretrained', checkpoint=str(bad)
    )
    path = write_config(tmp_path / 'init.py', init)
    refused(TOOLS / 'train.py', path)
    # The same holds for the last checkpoint of its own folder.
    folder = tmp_path / 'run_with_bad.pth'
    folder.mkdir()
    bad.rename(folder / 'epoch_1.pth')
    (folder / 'last_checkpoint').write_text('epoch_1.pth')
    path = write_config(tmp_path / 'tiny.py', config)
    refused(TOOLS / 'train.py', path, '--resume', '--work-dir', folder)


@pytest.mark.parametrize('command', CONVERTERS, ids=' '.join)
def test_converters(refused, bad, tmp_path, command):
    tool, *options = command
    bare = '--to=safetensors' in options
    target = tmp_path / ('out.safetensors' if bare else 'out.onnx')
    refused(TOOLS / f'{tool}.py', bad, target, *options)
    assert not target.exists()


@pytest.mark.parametrize('name', ['reconstruct', 'extract_features'])
def test_inference(refused, bad, tmp_path, name):
    photo_folder(tmp_path / 'in')
    out = tmp_path / 'out.npz'
    refused(TOOLS / f'{name}.py', bad, tmp_path / 'in', '--out', out)
    assert not out.exists()


def test_the_trust_option(monkeypatch, bad, tmp_path, mark, capsys):
    photo_folder(tmp_path / 'in')
    out = tmp_path / 'out.npz'
    arguments = (bad, tmp_path / 'in', '--out', out, '--device', 'cpu')
    tool = TOOLS / 'extract_features.py'
    call_tool(monkeypatch, tool, *arguments, '--trust-checkpoint')
    assert mark.exists() and np.load(out)['names'].size
    # It is granted to one call of a tool only.
    mark.unlink()
    with pytest.raises(SystemExit):
        call_tool(monkeypatch, tool, *arguments)
    assert not mark.exists()


@pytest.mark.parametrize('name', ['x.pkl', 'x.YAML'])
def test_annotations_that_would_be_executed(
    monkeypatch, tmp_path, capsys, name
):
    path = write_config(tmp_path / 'tiny.py', tiny_config(tmp_path / 'run'))
    key = f'train_dataloader.dataset.ann_file={name}'
    with pytest.raises(SystemExit) as caught:
        call_tool(monkeypatch, TOOLS / 'train.py', path, '--cfg-options', key)
    assert caught.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f'error: {key}: reading a pickle or YAML file')
