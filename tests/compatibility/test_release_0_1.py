"""Files of mixmae 0.1.0 load, resume and evaluate as before."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mixmae.registry import DATASETS
from tests.tools.running import ROOT, run_tool

FILES = Path(__file__).parent / 'release_0_1'
METHODS = ('mixmae', 'um_mae', 'simmim')

CHILD = """
_base_ = '{configs}/mixmae/swin-b_8xb128_600e.py'
train_pipeline = [
    _base_.train_pipeline[0],
    dict(_base_.train_pipeline[1], crop_ratio_range=(0.5, 1.0)),
    *_base_.train_pipeline[2:],
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
"""


@pytest.fixture
def run(request, tmp_path):
    """Return the folder and config of a run of 0.1.0 after one epoch."""
    files = FILES / request.param
    work = tmp_path / 'run'
    work.mkdir()
    for name in ('epoch_1.pth', 'epoch_1.pth.sha256'):
        shutil.copy(files / name, work)
    text = (files / 'config.py').read_text()
    text = text.replace('@DATA@', str(FILES / 'images'))
    config = work / f'{request.param}.py'
    config.write_text(text.replace('@WORK@', str(work)))
    return work, config, json.loads((files / 'expected.json').read_text())


@pytest.mark.parametrize('run', METHODS, indirect=True)
def test_a_run_continues(run):
    """Losses, metrics and weights are those of 0.1.0 up to rounding."""
    work, config, expected = run
    run_tool(
        ROOT / 'tools/train.py',
        config,
        *('--work-dir', work, '--resume', work / 'epoch_1.pth'),
    )
    (log,) = work.glob('2*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    losses = [row['loss'] for row in rows if 'loss' in row]
    assert losses == pytest.approx(expected['losses'], rel=1e-5)
    last = work / 'epoch_2.pth'
    state = torch.load(last, weights_only=False)['state_dict']
    norms = {key: value.double().norm().item() for key, value in state.items()}
    # Softmax cancels key biases: rounding changes them by 1e-5.
    assert norms == pytest.approx(expected['norms'], rel=1e-5, abs=2e-5)
    out = work / 'figures.json'
    run_tool(ROOT / 'tools/test.py', config, last, '--out', out)
    figures = json.loads(out.read_text())
    assert figures == pytest.approx(expected['test'], rel=1e-5)


def test_packed_images_are_read():
    dataset = DATASETS.build(
        dict(
            type='PackedImages',
            data_root=str(FILES / 'packed'),
            pipeline=[dict(type='LoadImage')],
        )
    )
    assert len(dataset) == 16
    assert {dataset[i]['img'].shape for i in range(16)} == {(16, 16, 3)}


def test_a_child_config_may_index_the_pipeline(tmp_path):
    path = tmp_path / 'child.py'
    path.write_text(CHILD.format(configs=ROOT / 'configs'))
    crop = Config.fromfile(path).train_dataloader.dataset.pipeline[1]
    assert crop.type == 'LoadRandomResizedCrop'
    assert crop.crop_ratio_range == (0.5, 1.0)
