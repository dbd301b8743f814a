"""Images of 1, 4 and 12 bands or 12 bits, in all tasks."""

import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import (
    DATASETS,
    MODELS,
    DefaultScope,
    init_default_scope,
)
from PIL import Image

from mixmae.config.config_variables import read_with_bases, with_variables
from mixmae.datasets.auto_image_values import set_image_values
from tests.configs.test_configs import ROOT
from tests.datasets.picture_kinds import GREY
from tests.datasets.tiff_files import tiff

SIDE = 64
ARCH = {'embed_dims': 8, 'depths': (1, 1, 1, 1), 'num_heads': (1, 1, 2, 2)}
every_number = pytest.mark.parametrize('channels', [1, 4, 12])


def network(channels):
    return dict(
        type='mixmae.MIMSwin',
        arch=ARCH,
        img_size=SIDE,
        patch_size=4,
        window_sizes=(4, 4, 4, 2),
        in_channels=channels,
    )


def variables(channels):
    return dict(
        network=dict(network(channels), _delete_=True),
        mean=[100.0] * channels,
        std=[60.0] * channels,
        value_range=(0, 4095),
        classes=('dark', 'bright'),
        pretrained=None,
    )


def write_images(folder, channels, names):
    """Write images of 12 bits: a bright square on a dark background."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for name in names:
        values = rng.integers(0, 1000, (SIDE, SIDE, channels))
        values[16:48, 16:48] += 3000
        data = tiff(values.astype(np.uint16), GREY)
        (folder / name).write_bytes(data)


def run(cfg: Config):
    """Run a training step and a prediction, as a runner would."""
    np.random.seed(0)
    torch.manual_seed(0)
    init_default_scope(cfg.get('default_scope', 'mixmae'))
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        model = MODELS.build(cfg.model)
        train = DATASETS.build(cfg.train_dataloader.dataset)
        test = DATASETS.build(cfg.test_dataloader.dataset)
        model.init_weights()
    batch = pseudo_collate([train[0], train[1]])
    data = model.data_preprocessor(batch, True)
    losses = model(**data, mode='loss')
    loss, _ = model.parse_losses(losses)
    loss.backward()
    seen = model.backbone.patch_embed.proj.weight.grad
    assert loss.isfinite() and (seen.abs().amax((0, 2, 3)) > 0).all()
    # Bright and dark differ by three quarters of the range.
    assert data['inputs'].max() - data['inputs'].min() > 150 / 60
    with torch.no_grad():
        return model.eval().test_step(pseudo_collate([test[0]])), data


def config(task, name, values):
    cfg = read_with_bases(ROOT / 'configs' / task / name)
    return with_variables(cfg, values)


@every_number
def test_classification(tmp_path, channels):
    for split in ('train', 'val'):
        for name in ('dark', 'bright'):
            place = tmp_path / split / name
            write_images(place, channels, ['0.tif', '1.tif'])
    values = variables(channels) | {
        'data_root': str(tmp_path),
        'feature_channels': 64,
        'img_size': SIDE,
    }
    cfg = config('classification', 'own-classes.py', values)
    [sample], data = run(cfg)
    assert data['inputs'].shape == (2, channels, SIDE, SIDE)
    assert sample.pred_score.sum() == pytest.approx(1, abs=1e-4)


@every_number
def test_segmentation(tmp_path, channels):
    pytest.importorskip('mmseg')
    pytest.importorskip('mmcv.ops')
    for split in ('train', 'val'):
        write_images(tmp_path / 'images' / split, channels, ['0.tif', '1.tif'])
        place = tmp_path / 'masks' / split
        place.mkdir(parents=True)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        mask[16:48, 16:48] = 1
        for name in ('0.png', '1.png'):
            Image.fromarray(mask).save(place / name)
    values = variables(channels) | {
        'data_root': str(tmp_path),
        'feature_channels': [8, 16, 32, 64],
        'channels': 16,
        'crop_size': (SIDE, SIDE),
        'img_size': SIDE,
    }
    cfg = config('segmentation', 'own-masks.py', values)
    [sample], data = run(cfg)
    assert data['inputs'].shape == (2, channels, SIDE, SIDE)
    assert sample.pred_sem_seg.data.shape == (1, SIDE, SIDE)


@every_number
def test_detection(tmp_path, channels):
    pytest.importorskip('mmdet')
    pytest.importorskip('mmcv.ops')
    write_images(tmp_path / 'images', channels, ['0.tif', '1.tif'])
    box = [16, 16, 32, 32]
    corners = [16, 16, 48, 16, 48, 48, 16, 48]
    content = dict(
        images=[
            dict(id=i, file_name=f'{i}.tif', width=SIDE, height=SIDE)
            for i in range(2)
        ],
        annotations=[
            dict(
                id=i + 1,
                image_id=i,
                category_id=1,
                bbox=box,
                area=1024,
                iscrowd=0,
                segmentation=[corners],
            )
            for i in range(2)
        ],
        categories=[dict(id=1, name='dark'), dict(id=2, name='bright')],
    )
    for split in ('train', 'val'):
        (tmp_path / f'{split}.json').write_text(json.dumps(content))
    values = variables(channels) | {
        'data_root': str(tmp_path),
        'feature_channels': [8, 16, 32, 64],
        'channels': 16,
        'fc_channels': 32,
        'img_size': SIDE,
        'longest_side': SIDE,
    }
    cfg = config('detection', 'own-coco.py', values)
    [sample], data = run(cfg)
    assert data['inputs'].shape[:2] == (2, channels)
    assert sample.pred_instances.bboxes.shape[1] == 4


@every_number
@pytest.mark.parametrize(
    'name',
    [
        'mixmae/swin-3stage-mixmae_imagenette-96',
        'um_mae/swin-3stage-um-mae_imagenette-96',
        'simmim/swin-3stage-simmim_imagenette-96',
    ],
)
def test_pretraining(tmp_path, name, channels):
    """Value range, mean and std are measured."""
    place = tmp_path / 'train' / 'any'
    write_images(place, channels, [f'{i}.tif' for i in range(4)])
    (tmp_path / 'val').symlink_to(tmp_path / 'train')
    cfg = read_with_bases(ROOT / 'configs' / f'{name}.py')
    values = dict(
        data_root=str(tmp_path), in_channels=channels, value_range='auto'
    )
    cfg = with_variables(cfg, values)
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        dataset.type = 'UnlabeledImageFolder'
        dataset.pipeline = dataset.pipeline[split == 'train' :]
    set_image_values(cfg)
    low, high = cfg.value_range
    assert 0 <= low < 10 and 3900 < high < 4000
    [sample], data = run(cfg)
    assert data['inputs'].shape == (2, channels, 96, 96)
    # A crop may show more of the bright square than the images do.
    assert abs(data['inputs'].mean()) < 1.5
    assert sample.reconstruction.shape == (channels, 96, 96)
