"""Mask R-CNN from a pretraining checkpoint, trained and tested by tools."""

import json
import sys
from importlib import import_module
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config

from mixmae.datasets.scenes.scene_set import SceneSet
from mixmae.registry import MODELS
from tests.engine.tiny_run import ROOT
from tests.tools.running import call_tool, load_tool, run_tool

pytestmark = [
    pytest.mark.usefixtures('full_tier'),
    pytest.mark.slow,
    # Warnings of mmcv's and mmdet's code about torch functions.
    pytest.mark.filterwarnings('ignore'),
]
TRAIN, TEST = ROOT / 'tools/train.py', ROOT / 'tools/test.py'
CONFIG = ROOT / 'configs/detection/mask-rcnn_swin-mini_scenes-128.py'
PRETRAINING = ROOT / 'configs/mixmae/swin-mini_scenes-128.py'


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    """Create a folder with scenes, a pretraining checkpoint and a config."""
    folder = tmp_path_factory.mktemp('detection')
    SceneSet(size=64, train=6, val=3, formats=['coco']).write(
        folder / 'scenes'
    )
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(PRETRAINING).model)
    state = {f'{key}': value for key, value in model.state_dict().items()}
    torch.save({'meta': {}, 'state_dict': state}, folder / 'pretrained.pth')
    root = str(folder / 'scenes/coco') + '/'
    notes = root + 'annotations/instances_val.json'
    few = 'num_workers=0, persistent_workers=False'
    (folder / 'detection.py').write_text(
        f"""_base_ = {str(CONFIG)!r}
# Everything frozen must come out as it was loaded.
model = dict(
    backbone=dict(
        frozen_stages=4,
        init_cfg=dict(checkpoint={str(folder / 'pretrained.pth')!r}),
    ),
)
train_dataloader = dict(
    batch_size=3, {few}, dataset=dict(data_root={root!r}, indices=6)
)
val_dataloader = dict({few}, dataset=dict(data_root={root!r}))
test_dataloader = dict({few}, dataset=dict(data_root={root!r}))
val_evaluator = dict(ann_file={notes!r})
test_evaluator = dict(ann_file={notes!r})
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [dict(type='ConstantLR', factor=1.0)]
default_hooks = dict(logger=dict(interval=1), checkpoint=dict(interval=1))
"""
    )
    return folder


def scalars(work_dir: Path) -> list[dict]:
    """Return the rows of a run's log."""
    (log,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_trains_then_measures_and_draws(run, monkeypatch, capsys):
    work = run / 'one'
    call_tool(monkeypatch, TRAIN, run / 'detection.py', '--work-dir', work)
    losses = [row['loss'] for row in scalars(work) if 'loss' in row]
    assert len(losses) == 2 and all(0 < loss < 20 for loss in losses)
    assert 'coco/segm_mAP' in scalars(work)[-1]
    before = torch.load(run / 'pretrained.pth')['state_dict']
    after = torch.load(work / 'epoch_1.pth', weights_only=False)['state_dict']
    for key, value in before.items():
        if key.startswith('backbone.') and 'norm3' not in key:
            assert torch.equal(after[key], value), key

    part = json.loads((work / 'report/predictions.json').read_text())
    (gallery,) = part['content']['galleries']
    assert len(gallery['images']) == 3

    figures, shown = run / 'figures.json', run / 'shown'
    call_tool(
        monkeypatch,
        *(TEST, run / 'detection.py', work / 'epoch_1.pth'),
        *('--work-dir', run / 'tested', '--out', figures),
        *('--show-dir', shown),
    )
    assert '"coco/bbox_mAP"' in capsys.readouterr().out
    measured = json.loads(figures.read_text())
    for kind in ('bbox', 'segm'):
        logged = scalars(work)[-1][f'coco/{kind}_mAP']
        assert measured[f'coco/{kind}_mAP'] == pytest.approx(logged)
    assert len(list(shown.glob('*.png'))) == 3
    # Annotations and predictions, side by side.
    assert cv2.imread(str(shown / '000000.png')).shape == (64, 128, 3)


def test_two_ranks_and_strict_loading(run):
    """gloo on CPUs; no parameter of mmdet's heads may be unused."""
    done = run_tool(
        *('-m', 'torch.distributed.run', '--standalone'),
        *('--nproc-per-node', 2, TRAIN, run / 'detection.py'),
        *('--launcher', 'pytorch', '--work-dir', run / 'two'),
        *('--cfg-options', 'train_dataloader.batch_size=1'),
    )
    losses = [row['loss'] for row in scalars(run / 'two') if 'loss' in row]
    assert len(losses) == 3
    assert 'coco/bbox_mAP' in scalars(run / 'two')[-1]
    assert 'pretrained.pth' in done.stdout + done.stderr


def test_the_train_tool_of_mmdet_takes_the_config(run, monkeypatch):
    """``mim train mmdetection`` calls this tool."""
    tool = Path(import_module('mmdet').__file__).parent / '.mim/tools/train.py'
    arguments = ('--cfg-options', 'val_cfg=None', 'val_dataloader=None')
    arguments += ('val_evaluator=None', 'model.backbone.with_cp=True')
    config, work = str(run / 'detection.py'), str(run / 'theirs')
    argv = [str(tool), config, '--work-dir', work, *arguments]
    monkeypatch.setattr(sys, 'argv', argv)
    load_tool(tool).main()
    assert (run / 'theirs/epoch_1.pth').is_file()


def test_an_invalid_annotation_is_one_line(run, monkeypatch, capsys):
    notes = run / 'scenes/coco/annotations/instances_train.json'
    bad = json.loads(notes.read_text())
    entry = bad['annotations'][0]
    entry['bbox'][2] = 1000.0
    (run / 'bad.json').write_text(json.dumps(bad))
    with pytest.raises(SystemExit):
        call_tool(
            monkeypatch,
            *(TRAIN, run / 'detection.py', '--work-dir', run / 'bad'),
            '--cfg-options',
            f'train_dataloader.dataset.ann_file={run / "bad.json"}',
            f'train_dataloader.dataset.pipeline.1.ann_file={run / "bad.json"}',
        )
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith('error: ') and 'bad.json' in last
    assert f'annotation {entry["id"]} ' in last
