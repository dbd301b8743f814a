"""Views of the classification configs, and their image lists."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.registry import DATASETS, TRANSFORMS
from PIL import Image

from mixmae.data_tools.verification.known_sets import KNOWN_SETS
from tests.configs.test_classification import CONFIGS, FOLDER
from tests.configs.test_configs import identity, read


def picture(folder: Path, width: int, height: int) -> Path:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (height, width, 3), np.uint8)
    path = folder / 'picture.png'
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    ('name', 'size', 'short'),
    [
        ('swin-b_8xb128-100e_in1k-224', 224, 256),
        ('swin-b_8xb32-100e_in1k-384', 384, 384),
        ('swin-t-um-mae_8xb64-100e_in1k-256', 256, 256),
        ('swin-b-simmim_16xb128-100e_in1k-192', 192, 219),
    ],
)
def test_views(tmp_path, name, size, short):
    """Train views are random; test views are centre crops, 0.875 at 224."""
    config = read(FOLDER / f'{name}.py')
    source = picture(tmp_path, 500, 400)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        train, test = (
            [
                TRANSFORMS.build(copy.deepcopy(step))
                for step in loader.dataset.pipeline
            ]
            for loader in (config.train_dataloader, config.val_dataloader)
        )

    def view(steps):
        results = dict(img_path=str(source), gt_label=3, sample_idx=0)
        for step in steps:
            results = step(results)
        return results['inputs']

    np.random.seed(0)
    shapes = {tuple(view(train).shape) for _ in range(4)}
    assert shapes == {(3, size, size)}
    assert not torch.equal(view(train), view(train))
    with Image.open(source) as image:
        resized = image.resize(
            (500 * short // 400, short), Image.Resampling.BICUBIC
        )
    left = round((resized.width - size) / 2)
    upper = round((short - size) / 2)
    expected = resized.crop((left, upper, left + size, upper + size))
    seen = view(test).numpy()[::-1].transpose(1, 2, 0)
    difference = seen.astype(int) - np.asarray(expected).astype(int)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    'path',
    [p for p in CONFIGS if re.search('inaturalist|places', p.stem)],
    ids=identity,
)
def test_listed_images_are_read(tmp_path, path):
    """`meta/train.txt` of make_lists.py: labels, and paths below the root."""
    folder = tmp_path / 'train_val2018' / 'Birds of prey' / '7'
    folder.mkdir(parents=True)
    picture(folder, 50, 40)
    (tmp_path / 'meta').mkdir()
    (tmp_path / 'meta' / 'train.txt').write_text(
        'train_val2018/Birds of prey/7/picture.png 7\n'
    )
    config = read(path)
    root = 'data/' + path.stem.split('_')[-1].removesuffix('-224')
    for split in ('train', 'val', 'test'):
        assert config[f'{split}_dataloader'].dataset.data_root == root
    settings = copy.deepcopy(config.train_dataloader.dataset)
    settings.data_root = str(tmp_path)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        dataset = DATASETS.build(settings)
        sample = dataset[0]
    assert len(dataset) == 1
    assert sample['inputs'].shape == (3, 224, 224)
    assert sample['data_samples'].gt_label.tolist() == [7]
    classes = KNOWN_SETS[root.removeprefix('data/')].classes
    assert config.model.head.num_classes == classes
    assert config.model.data_preprocessor.num_classes == classes
