"""The classification configs: their networks, the recipe, the views."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import mmpretrain.datasets
import mmpretrain.models  # noqa: F401
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import CosineAnnealingLR, LinearLR
from mmengine.registry import MODELS, DefaultScope
from mmpretrain.registry import DATASETS, TRANSFORMS
from PIL import Image

from mixmae.datasets.verification.known_sets import KNOWN_SETS
from mixmae.engine.optimizers import LayerDecayOptimWrapperConstructor
from tests.configs.test_configs import ROOT, identity, read, row_of

FOLDER = ROOT / 'configs' / 'classification'
CONFIGS = sorted(FOLDER.glob('*.py'))
SWIN_B = FOLDER / 'swin-b_8xb128-100e_in1k-224.py'
# Trainable parameters, by the formula that gives mmpretrain's exact counts.
PUBLISHED = {
    'swin-b_8xb128-100e_in1k-224': 87_942_944,
    'swin-b_8xb32-100e_in1k-384': 88_397_792,
    'swin-l_8xb64-100e_in1k-224': 196_794_556,
    'swin-l_8xb16-100e_in1k-384': 197_476_828,
    'swin-h_8xb16-100e_in1k-224': 658_158_786,
}


def build(config: Config) -> torch.nn.Module:
    """The model on the meta device, as the runner would build it."""
    with (
        DefaultScope.overwrite_default_scope(config.default_scope),
        torch.device('meta'),
    ):
        return MODELS.build(copy.deepcopy(config.model))


@pytest.mark.parametrize('path', CONFIGS, ids=identity)
def test_builds_and_counts(path):
    model = build(read(path))
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == row_of(path)['Metadata']['Parameters']
    assert count == PUBLISHED.get(path.stem, count)
    trained = {
        name.split('.')[0]
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    if 'linear' in path.stem:
        assert trained == {'head'}
    else:
        assert {'backbone', 'head'} >= trained - {'neck'}
        assert 'backbone' in trained


@pytest.mark.parametrize('name', ['swin-b', 'swin-l', 'swin-h'])
def test_an_update_is_official(name):
    """1,024 images at 2e-3, however many GPUs and accumulations."""
    paths = [
        path
        for path in CONFIGS
        if path.stem.startswith(f'{name}_') and '8x' in path.stem
    ]
    assert paths
    for path in paths:
        config = read(path)
        counts = config.optim_wrapper.accumulative_counts
        images = config.auto_scale_lr.base_batch_size * counts
        optimizer = config.optim_wrapper.optimizer
        assert images == 1024
        assert optimizer.lr == pytest.approx(2e-3)
        assert optimizer.weight_decay == 0.05
        assert tuple(optimizer.betas) == (0.9, 0.999)


def test_the_recipe_is_official():
    """base_600ep/finetune.sh and the defaults of main_finetune.py."""
    config = read(SWIN_B)
    assert config.model.backbone.drop_path_rate == 0.1
    assert config.model.train_cfg.augments == [
        dict(type='Mixup', alpha=0.8),
        dict(type='CutMix', alpha=1.0),
    ]
    assert config.model.train_cfg.probs == [0.5, 0.5]
    loss = config.model.head.loss
    assert loss.type == 'LabelSmoothLoss' and loss.mode == 'original'
    assert loss.label_smooth_val == 0.1
    assert config.model.head.init_cfg.std == 2e-5
    assert config.optim_wrapper.paramwise_cfg == dict(
        layer_decay_rate=0.7, flat_decay_mult=0.0, official_off_by_one=False
    )
    assert not config.optim_wrapper.get('clip_grad')
    warmup, decay = config.param_scheduler
    assert (warmup.begin, warmup.end) == (0, 5)
    assert (decay.begin, decay.end) == (5, 100)
    assert warmup.convert_to_iter_based and decay.convert_to_iter_based
    assert config.train_cfg.max_epochs == 100
    steps = {
        step.type: step for step in config.train_dataloader.dataset.pipeline
    }
    assert list(steps) == [
        'mixmae.LoadImage',
        'RandomResizedCrop',
        'RandomFlip',
        'RandAugment',
        'RandomErasing',
        'PackInputs',
    ]
    # timm's rand-m9-mstd0.5-inc1.
    augment = steps['RandAugment']
    assert augment.policies == 'timm_increasing'
    assert augment.magnitude_level == 9 and augment.magnitude_std == 0.5
    assert augment.num_policies == 2 and augment.total_level == 10
    assert augment.hparams.interpolation == 'bicubic'
    erasing = steps['RandomErasing']
    assert erasing.erase_prob == 0.25 and erasing.mode == 'rand'
    assert erasing.min_area_ratio == 0.02
    assert erasing.max_area_ratio == pytest.approx(1 / 3)
    crop = steps['RandomResizedCrop']
    assert crop.backend == 'pillow' and crop.interpolation == 'bicubic'
    # (0.08, 1) of the area, as torchvision's and mmpretrain's default.
    assert 'crop_ratio_range' not in crop
    assert steps['RandomFlip'].prob == 0.5


@pytest.mark.parametrize(
    'path',
    [p for p in CONFIGS if '8x' in p.stem and 'linear' not in p.stem],
    ids=identity,
)
def test_what_other_networks_and_data_change(path):
    """The official recipe, but for drop path and length."""
    config, official = read(path), read(SWIN_B)
    rates = {'swin-b': 0.1, 'swin-l': 0.2, 'swin-h': 0.3}
    rate = config.model.backbone.drop_path_rate
    assert rate == rates[path.stem.split('_')[0]]
    assert config.model.train_cfg == official.model.train_cfg
    assert config.model.head.loss == official.model.head.loss
    wrapper, given = (
        {**read.optim_wrapper, 'accumulative_counts': None}
        for read in (config, official)
    )
    assert wrapper == given
    assert config.param_scheduler[0] == official.param_scheduler[0]
    for name in ('RandAugment', 'RandomErasing'):
        found, wanted = (
            [s for s in c.train_dataloader.dataset.pipeline if s.type == name]
            for c in (config, official)
        )
        assert found == wanted and len(found) == 1


def test_rates_keep_their_proportions():
    """From the warm-up to the end; the least is 1e-6, times the share."""
    config = read(SWIN_B)
    backbone = torch.nn.Module()
    backbone.weights = torch.nn.ParameterList(
        torch.nn.Parameter(torch.zeros(2, 2)) for _ in range(3)
    )
    backbone.get_layer_depth = lambda name, prefix='': (int(name[-1]), 4)
    wrapper_cfg = dict(config.optim_wrapper, type='OptimWrapper')
    for key in ('constructor', 'paramwise_cfg', 'dtype'):
        wrapper_cfg.pop(key)
    wrapper = LayerDecayOptimWrapperConstructor(
        wrapper_cfg, config.optim_wrapper.paramwise_cfg
    )(backbone)
    groups = wrapper.optimizer.param_groups
    shares = [group['lr_scale'] for group in groups]
    assert shares == pytest.approx([0.7, 0.49, 0.343])

    epoch = 3
    schedulers = [
        {'LinearLR': LinearLR, 'CosineAnnealingLR': CosineAnnealingLR}[
            entry['type']
        ].build_iter_from_epoch(
            wrapper,
            epoch_length=epoch,
            **{
                key: value
                for key, value in entry.items()
                if key not in ('type', 'convert_to_iter_based')
            },
        )
        for entry in config.param_scheduler
    ]
    rates = []
    for _ in range(100 * epoch):
        rates.append([group['lr'] for group in groups])
        wrapper.optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    for step in rates:
        tops = [rate / share for rate, share in zip(step, shares)]
        assert tops == pytest.approx(tops[:1] * 3)
    top = [step[0] / shares[0] for step in rates]
    assert top[0] == pytest.approx(2e-11)
    assert max(top) == pytest.approx(2e-3)
    assert top.index(max(top)) in (5 * epoch - 1, 5 * epoch)
    assert top[-1] == pytest.approx(1e-6, rel=0.1)


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
    ],
)
def test_views(tmp_path, name, size, short):
    """Train views are random, test views the middle: 0.875 of it at 224."""
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
    left, upper = (resized.width - size) // 2, (short - size) // 2
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
    """`meta/train.txt` of make_lists.py: labels, paths from the root on."""
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
