"""Configs in checkpoints: no tool calls what they name."""

import json
import pprint

import pytest
import torch
from safetensors.torch import save_file

from tests.apis.tiny_setup import photo_folder, tiny_checkpoint, tiny_config
from tests.engine.tiny_run import ROOT
from tests.tools.running import call_tool
from tests.tools.test_trust import CONVERTERS

TOOLS = ROOT / 'tools'
PARTS = ('backbone', 'neck', 'head', 'data_preprocessor')
# Enough for a file to be taken for an official UM-MAE with a PVT.
UM_MAE = {
    'blocks.0.attn.sr.weight': torch.zeros(1, 1, 1, 1),
    'blocks.1.downsample.proj.weight': torch.zeros(1),
    'mask_token': torch.zeros(1, 1, 4),
}


@pytest.fixture
def mark(tmp_path):
    """Return a file that exists if code has run."""
    return tmp_path / 'was_run'


@pytest.fixture(params=['os.system', 'torch.hub.load'])
def evil(request, tmp_path, mark):
    """Return a part of a config that would create the mark."""
    if request.param == 'os.system':
        return dict(type='os.system', command=f'touch {mark}')
    hub = tmp_path / 'hub'
    hub.mkdir()
    (hub / 'hubconf.py').write_text(f'open({str(mark)!r}, "w")\n')
    return dict(
        type='torch.hub.load',
        repo_or_dir=str(hub),
        source='local',
        model='anything',
    )


@pytest.fixture
def forged_files(tmp_path, evil):
    """Write checkpoints that name it in each part, in each notation."""
    own = tiny_checkpoint(tmp_path / 'own.pth')
    state = torch.load(own, weights_only=True)['state_dict']
    good = tiny_config().to_dict()
    # Without building it, only numbers of the preprocessor are read.
    figures = good['model']['data_preprocessor']
    contents = {}
    for part in PARTS:
        named = evil
        if part == 'data_preprocessor':
            named = {**evil, 'mean': figures['mean'], 'std': figures['std']}
        for whole in (True, False):
            model = {key: {} for key in PARTS}
            model['data_preprocessor'] = dict(figures)
            model |= dict(good['model'] if whole else {}, **{part: named})
            model['type'] = 'MaskedImageModel'
            text = pprint.pformat(model)
            names = (part, 'whole' if whole else 'alone')
            contents['_'.join((*names, 'cfg'))] = (
                state,
                dict(cfg=f'model = {text}\n'),
            )
            contents['_'.join((*names, 'model'))] = state, dict(model=model)
    model = dict(backbone=evil, neck=evil)
    contents['um_mae'] = UM_MAE, dict(model=model)
    paths = []
    for name, (tensors, meta) in contents.items():
        paths.append(tmp_path / f'{name}.pth')
        torch.save(dict(state_dict=tensors, meta=meta), paths[-1])
    header = dict(
        backbone=evil, preprocessing=figures, source='x', format_version=1
    )
    paths.append(tmp_path / 'bare.safetensors')
    save_file(
        {k.removeprefix('backbone.'): v for k, v in state.items()},
        paths[-1],
        {key: json.dumps(value) for key, value in header.items()},
    )
    return paths


def called(monkeypatch, *arguments) -> object:
    """Call a tool; return its exit status."""
    try:
        call_tool(monkeypatch, *arguments)
    except SystemExit as stop:
        return stop.code
    except Exception as error:
        return error
    return 0


def test_no_converter_calls_the_code(
    monkeypatch, forged_files, tmp_path, mark
):
    # What they read is the backbone and the neck, each in the same way.
    names = ('backbone_whole_cfg', 'neck_alone_model', 'um_mae', 'bare')
    chosen = [path for path in forged_files if path.stem in names]
    assert len(chosen) == len(names)
    for name, *options in CONVERTERS:
        tool = TOOLS / f'{name}.py'
        for path in chosen:
            # Tensors that a graph is drawn of take seconds.
            if tool.stem == 'mixmae_to_onnx' and 'backbone' not in path.stem:
                continue
            out = tmp_path / 'out.onnx'
            called(monkeypatch, tool, path, out, *options)
            assert not mark.exists(), (name, options, path.name)


def test_inference_refuses_the_code(
    monkeypatch, forged_files, tmp_path, mark, capsys
):
    photo_folder(tmp_path / 'in')
    for name in ('reconstruct', 'extract_features'):
        for path in forged_files:
            out = tmp_path / f'{path.stem}.npz'
            tool = TOOLS / f'{name}.py'
            capsys.readouterr()
            status = called(
                monkeypatch, tool, path, tmp_path / 'in', '--out', out
            )
            assert not mark.exists(), (tool.name, path.name)
            builds = name == 'reconstruct' or 'backbone' in path.name
            if builds and path.suffix == '.pth' and path.stem != 'um_mae':
                line = capsys.readouterr().err.splitlines()[-1]
                assert status == 2 and f'{path} contains a config' in line


def test_transforms_in_checkpoints_call_no_code(
    monkeypatch, evil, tmp_path, mark, capsys
):
    photo_folder(tmp_path / 'in')
    config = tiny_config()
    config.test_dataloader.dataset.pipeline.insert(1, evil)
    path = tiny_checkpoint(tmp_path / 'own.pth', config)
    for tool in ('reconstruct', 'extract_features'):
        status = called(
            monkeypatch,
            TOOLS / f'{tool}.py',
            path,
            tmp_path / 'in',
            '--out',
            tmp_path / 'out.npz',
            '--resize',
            'pipeline',
        )
        line = capsys.readouterr().err.splitlines()[-1]
        assert status == 2 and f'{path} contains a config' in line
        assert not mark.exists()
