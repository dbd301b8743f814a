"""Classification configs: networks, recipes and views."""

from __future__ import annotations

import copy
import re

import mmpretrain.datasets
import mmpretrain.models  # noqa: F401
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import CosineAnnealingLR, LinearLR
from mmengine.registry import MODELS, DefaultScope

from mixmae.engine.optimizers import LayerDecayOptimWrapperConstructor
from tests.configs.test_configs import ROOT, identity, read, row_of
from tests.configs.test_pretraining_configs import (
    LARGE_SWIN,
    SMALL,
    TINY,
    pvt,
    swin,
    vit,
)

FOLDER = ROOT / 'configs' / 'classification'
# Configs for own data have no source to be compared with.
CONFIGS = sorted(p for p in FOLDER.glob('*.py') if p.stem[:4] != 'own-')
# Full recipes for many GPUs.
LARGE = [
    path
    for path in CONFIGS
    if re.search(r'_\d+xb', path.stem) and 'linear' not in path.stem
]
SWIN_B = FOLDER / 'swin-b_8xb128-100e_in1k-224.py'
# Trainable parameters, by the formula that gives mmpretrain's exact counts.
PUBLISHED = {
    'swin-b_8xb128-100e_in1k-224': 87_942_944,
    'swin-b_8xb32-100e_in1k-384': 88_397_792,
    'swin-l_8xb64-100e_in1k-224': 196_794_556,
    'swin-l_8xb16-100e_in1k-384': 197_476_828,
    'swin-h_8xb16-100e_in1k-224': 658_158_786,
    # As mmpretrain counts its own (configs/simmim/metafile.yml there); Swin-L
    # minus the difference of windows 14 and 7 in the last stage.
    'swin-b-simmim_16xb128-100e_in1k-192': 87_750_176,
    'swin-b-simmim_16xb128-100e_in1k-224': 87_768_224,
    'swin-b-simmim-800e_16xb128-100e_in1k-224': 87_768_224,
    'swin-l-simmim_16xb128-100e_in1k-224': 196_848_316
    - 2 * 48 * (27**2 - 13**2),
    # By arithmetic from the official code: network, positions, classifier.
    'swin-t-um-mae_8xb64-100e_in1k-256': swin(*TINY) + 769_000,
    'swin-t-um-simmim_8xb64-100e_in1k-256': swin(*TINY) + 769_000,
    'swin-l-um-mae_8xb32-100e_in1k-256': swin(*LARGE_SWIN) + 1_537_000,
    'pvt-s-um-mae_8xb64-100e_in1k-256': pvt(*SMALL) + 64**3 + 513_000,
    'pvt-s-um-simmim_8xb64-100e_in1k-256': pvt(*SMALL) + 64**3 + 513_000,
    'vit-b-um-mae_8xb64-100e_in1k-224': vit(768, 12) + 14**2 * 768 + 769_000,
}


def build(config: Config) -> torch.nn.Module:
    """Build the model on the meta device, as the runner would."""
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


@pytest.mark.parametrize('path', LARGE, ids=identity)
def test_an_update_is_official(path):
    """1,024 images at 2e-3, for any number of GPUs and accumulation.

    SimMIM's 2,048 at 5e-3, unless it is UM-MAE who runs it.
    """
    config = read(path)
    images, rate = (1024, 2e-3)
    if 'simmim' in path.stem and '-um-' not in path.stem:
        images, rate = (2048, 5e-3)
    counts = config.optim_wrapper.accumulative_counts
    optimizer = config.optim_wrapper.optimizer
    assert config.auto_scale_lr.base_batch_size * counts == images
    assert optimizer.lr == pytest.approx(rate)
    assert optimizer.weight_decay == 0.05
    assert tuple(optimizer.betas) == (0.9, 0.999)


# Layer decay and drop path of each official command or file; of MixMAE's
# Swin-L, Swin-H and PVT-S ours.
RECIPES = {
    'swin-b': (0.7, 0.1),
    'swin-l': (0.7, 0.2),
    'swin-h': (0.7, 0.3),
    'pvt-s': (0.85, 0.1),
    'swin-t-um-mae': (0.85, 0.1),
    'swin-t-um-simmim': (0.85, 0.1),
    'pvt-s-um-mae': (0.85, 0.1),
    'pvt-s-um-simmim': (0.85, 0.1),
    'swin-l-um-mae': (0.7, 0.2),
    'vit-b-um-mae': (0.8, 0.1),
    'swin-b-simmim': (0.9, 0.1),
    'swin-b-simmim-800e': (0.8, 0.1),
    'swin-l-simmim': (0.7, 0.2),
}


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
        'mixmae.LoadRandomResizedCrop',
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
    crop = steps['mixmae.LoadRandomResizedCrop']
    assert crop.interpolation == 'bicubic'
    # (0.08, 1) of the area, as torchvision's and mmpretrain's default.
    assert 'crop_ratio_range' not in crop
    assert steps['RandomFlip'].prob == 0.5


@pytest.mark.parametrize('path', LARGE, ids=identity)
def test_differences_of_other_networks_and_data(path):
    """MixMAE's recipe except for layer decay, drop path and length."""
    config, official = read(path), read(SWIN_B)
    decay, rate = RECIPES[path.stem.split('_')[0]]
    assert config.model.backbone.drop_path_rate == rate
    paramwise = dict(config.optim_wrapper.paramwise_cfg)
    assert paramwise.pop('layer_decay_rate') == decay
    assert config.model.train_cfg == official.model.train_cfg
    assert config.model.head.loss == official.model.head.loss
    simmim = 'simmim' in path.stem and '-um-' not in path.stem
    clip = config.optim_wrapper.get('clip_grad')
    assert clip == (dict(max_norm=5.0) if simmim else None)
    std = config.model.head.init_cfg.std
    if simmim:
        assert paramwise['bias_table_decay_mult'] == 0.0
        assert config.param_scheduler[0].end == 20 and std == 0.02
    else:
        assert config.param_scheduler[0] == official.param_scheduler[0]
        assert std == official.model.head.init_cfg.std
        wrapper, given = (
            {
                **read.optim_wrapper,
                'accumulative_counts': None,
                'paramwise_cfg': None,
            }
            for read in (config, official)
        )
        assert wrapper == given
    for name in ('RandAugment', 'RandomErasing'):
        found, wanted = (
            [s for s in c.train_dataloader.dataset.pipeline if s.type == name]
            for c in (config, official)
        )
        assert found == wanted and len(found) == 1


def test_rates_keep_their_proportions():
    """From warm-up to end; the minimum is 1e-6 times the layer's scale."""
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
