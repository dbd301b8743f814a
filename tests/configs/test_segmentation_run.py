"""UperNet trained and tested by the real runner, on scenes."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mixmae.datasets.scenes.scene_set import SceneSet
from tests.engine.tiny_run import ROOT
from tests.models.parts import tiny_model
from tests.tools.running import call_tool, load_tool, run_tool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.usefixtures('full_tier'),
]
CONFIG = """
_base_ = '{root}/configs/segmentation/upernet_swin-mini_scenes-128.py'
data_root = '{data}'
norm_cfg = dict(num_groups=4)
crop = (64, 64)
model = dict(
    data_preprocessor=dict(size=crop),
    backbone=dict(
        arch=dict(
            embed_dims=8, depths=(1, 1, 2, 1), num_heads=(1, 2, 2, 4)
        ),
        img_size=64,
        patch_size=2,
        window_sizes=(8, 8, 8, 4),
        init_cfg=dict(checkpoint='{checkpoint}'),
    ),
    decode_head=dict(
        in_channels=[8, 16, 32, 64], channels=8, norm_cfg=norm_cfg
    ),
    auxiliary_head=dict(in_channels=32, channels=8, norm_cfg=norm_cfg),
)
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root, indices=6),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(data_root=data_root),
)
test_dataloader = val_dataloader
# So little that weights can be told from those they started from.
optim_wrapper = dict(optimizer=dict(lr=1e-6))
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval=2)
)
work_dir = '{folder}/run'
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write scenes, a pretraining checkpoint, and a config for them."""
    folder = tmp_path_factory.mktemp('segmentation')
    SceneSet(size=64, train=6, val=4, formats=('ade',)).write(folder / 'data')
    # A low image, smaller than a crop, and a wide, larger one.
    for kind in ('images', 'annotations'):
        split = folder / 'data' / 'ade' / kind / 'validation'
        first, second, third, _ = (
            cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            for path in sorted(split.glob('*.png'))
        )
        cv2.imwrite(str(split / '000000.png'), first[:41])
        wide = np.concatenate([second, third], axis=1)
        cv2.imwrite(str(split / '000001.png'), wide)
    state = tiny_model().state_dict()
    torch.save({'state_dict': state, 'meta': {}}, folder / 'pretrained.pth')
    text = CONFIG.format(
        root=ROOT,
        data=folder / 'data' / 'ade',
        checkpoint=folder / 'pretrained.pth',
        folder=folder,
    )
    (folder / 'segmentation.py').write_text(text)
    return folder


@pytest.fixture(scope='module')
def trained(folder: Path) -> Path:
    """Return a checkpoint of two ranks, trained from the pretrained one."""
    run_tool(
        '-m',
        'torch.distributed.run',
        '--standalone',
        '--nproc-per-node=2',
        ROOT / 'tools' / 'train.py',
        folder / 'segmentation.py',
        '--launcher=pytorch',
        '--no-validate',
    )
    return folder / 'run' / 'iter_2.pth'


def validation(folder: Path, kind: str) -> list[np.ndarray]:
    split = folder / 'data' / 'ade' / kind / 'validation'
    return [cv2.imread(str(p), -1) for p in sorted(split.glob('*.png'))]


def mean_iou(labels: list[np.ndarray], found: list[np.ndarray]) -> float:
    """Return the mean IoU of classes 1 to 10 in per cent; 0 is ignored."""
    truth = np.concatenate([label.ravel() for label in labels])
    guess = np.concatenate([label.ravel() for label in found])
    guess, truth = guess[truth > 0], truth[truth > 0]
    ious = [
        ((truth == kind) & (guess == kind)).sum()
        / ((truth == kind) | (guess == kind)).sum()
        for kind in range(1, 11)
        if ((truth == kind) | (guess == kind)).any()
    ]
    return 100 * float(np.mean(ious))


def measure(
    monkeypatch: pytest.MonkeyPatch, folder: Path, mode: str
) -> tuple[dict, list[np.ndarray]]:
    """Return the metrics of tools/test.py and its predicted label maps."""
    out = folder / mode
    call_tool(
        monkeypatch,
        ROOT / 'tools' / 'test.py',
        folder / 'segmentation.py',
        folder / 'run' / 'iter_2.pth',
        f'--work-dir={out}',
        f'--out={out}/figures.json',
        '--cfg-options',
        f'model.test_cfg.mode={mode}',
        'model.test_cfg.crop_size=(64,64)',
        'model.test_cfg.stride=(42,42)',
        f'test_evaluator.output_dir={out}/maps',
        f'experiment_name={mode}-{folder.name}',
    )
    maps = [
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in sorted((out / 'maps').glob('*.png'))
    ]
    return json.loads((out / 'figures.json').read_text()), maps


def test_two_ranks_train_from_the_pretrained_backbone(
    folder: Path, trained: Path
) -> None:
    state = torch.load(trained, weights_only=False)['state_dict']
    given = tiny_model().backbone.state_dict()
    assert given
    for key, value in given.items():
        # Two updates of 1e-6 at most, by AdamW.
        change = (state[f'backbone.{key}'] - value).abs().max()
        assert change < 1e-5, key


def test_miou_of_whole_and_slide(
    monkeypatch: pytest.MonkeyPatch, folder: Path, trained: Path
) -> None:
    """mmseg's mIoU is that of the label maps at their original sizes."""
    labels = validation(folder, 'annotations')
    predictions = {}
    for mode in ('whole', 'slide'):
        figures, maps = measure(monkeypatch, folder, mode)
        assert [m.shape for m in maps] == [label.shape for label in labels]
        # mmseg rounds to 0.01 per cent.
        expected = mean_iou(labels, maps)
        assert figures['mIoU'] == pytest.approx(expected, abs=0.006)
        predictions[mode] = maps
    same = [np.array_equal(*pair) for pair in zip(*predictions.values())]
    # Only the wide one is more than one crop.
    assert same == [True, False, True, True]


@pytest.mark.parametrize('mode', ['train', 'test'])
def test_mmsegs_own_tools(
    monkeypatch: pytest.MonkeyPatch, folder: Path, trained: Path, mode: str
) -> None:
    package = Path(importlib.import_module('mmseg').__file__).parent
    tool = load_tool(package / '.mim' / 'tools' / f'{mode}.py')
    out = folder / f'mmseg-{mode}'
    arguments = [str(folder / 'segmentation.py')]
    if mode == 'test':
        arguments += [str(trained), f'--show-dir={out}/drawn']
    arguments += [f'--work-dir={out}', '--cfg-options']
    arguments += [f'experiment_name={out.name}-{folder.name}']
    monkeypatch.setattr(sys, 'argv', [mode, *arguments])
    tool.main()
    if mode == 'train':
        assert (out / 'iter_2.pth').is_file()
    else:
        drawn = sorted(out.rglob('*.png'))
        # Labels on the left, predictions on the right.
        shapes = sorted(cv2.imread(str(path)).shape for path in drawn)
        assert shapes == sorted(
            [(41, 128, 3), (64, 256, 3), (64, 128, 3), (64, 128, 3)]
        )
