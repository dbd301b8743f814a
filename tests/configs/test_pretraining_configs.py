"""Pretraining configs: networks, masks, views and schedules."""

from __future__ import annotations

import math

import pytest
import torch

from mixmae.preflight import PlannedRun
from mixmae.preflight.number_check import UpdateSize
from mixmae.registry import MODELS, TASK_UTILS
from tests.configs.test_configs import (
    CONFIGS,
    METHODS,
    ROOT,
    RUN,
    identity,
    read,
    row_of,
)

PATHS = [path for path in CONFIGS if path.parent.name in METHODS]
LARGE = [path for path in PATHS if RUN.search(path.stem)]
THREE = {
    method: ROOT / f'configs/{method}/swin-mini-{name}_imagenette-128.py'
    for method, name in zip(
        METHODS, ('mixmae', 'um-mae', 'simmim'), strict=True
    )
}
every_pretraining = pytest.mark.parametrize('path', PATHS, ids=identity)


def build(config) -> torch.nn.Module:
    with torch.device('meta'):
        return MODELS.build(config.model)


@every_pretraining
def test_builds_and_counts(path):
    """Parameters as expected; the model itself checks that its parts fit."""
    config = read(path)
    before = config.to_dict()
    count = sum(p.numel() for p in build(config).parameters())
    assert count == row_of(path)['Metadata']['Parameters']
    assert config.to_dict() == before


def swin(dims: int, depths: tuple, heads: tuple, hidden: int) -> int:
    """Count parameters of UM-MAE's Swin with patches of 4 and a last norm."""
    count = (3 * 4 * 4 + 1 + 2) * dims
    for stage, (depth, number) in enumerate(zip(depths, heads, strict=True)):
        d = dims << stage
        # Norms, query, key, value, output, MLP of four times the channels.
        block = 2 * 2 * d + 4 * d * (d + 1) + (8 * d * d + 5 * d)
        bias = 3 * hidden + (hidden + 1) * number
        count += depth * (block + bias)
        if stage:
            count += d + (4 * d // 2 + 1) * d
    return count + 2 * (dims << 3)


def pvt(dims: tuple, depths: tuple, ratios: tuple) -> int:
    """Count parameters of UM-MAE's PVT with patches of 4 and a last norm."""
    count = (3 * 4 * 4 + 1) * dims[0]
    for stage, (d, depth, ratio) in enumerate(
        zip(dims, depths, ratios, strict=True)
    ):
        mlp = 2 * ratio * d * d + (ratio + 1) * d
        # The fifth square is the reduction, which also has a norm.
        count += depth * (3 * 2 * d + 5 * d * (d + 1) + mlp)
        if stage:
            count += (4 * dims[stage - 1] + 1) * d
    return count + 2 * dims[-1]


def vit(d: int, depth: int) -> int:
    """Count parameters of ViT-B/16 with class token and last norm."""
    block = 2 * 2 * d + 4 * d * (d + 1) + 8 * d * d + 5 * d
    return (3 * 16 * 16 + 1) * d + d + depth * block + 2 * d


def decoder(channels: int, token: int, depth: int, factor: int) -> int:
    """Count parameters of UM-MAE's decoder: 512 channels, both mask tokens."""
    block = 2 * 2 * 512 + 4 * 512 * 513 + 8 * 512 * 512 + 5 * 512
    ends = (channels + 1) * factor**2 * 512 + 2 * 512 + 513 * 768
    return ends + depth * block + 512 + token


TINY = (96, (2, 2, 6, 2), (3, 6, 12, 24), 32)
LARGE_SWIN = (192, (2, 2, 18, 2), (6, 12, 24, 48), 64)
SMALL = ((64, 128, 320, 512), (3, 4, 6, 3), (8, 8, 4, 4))
# By arithmetic from the official code; SimMIM's own as mmpretrain counts its
# own (configs/simmim/metafile.yml there), Swin-L minus the difference of
# windows 12 and 6 in the last stage.
OFFICIAL = {
    'um_mae/swin-t_8xb128_200e': swin(*TINY) + decoder(768, 96, 2, 2),
    'um_mae/swin-l_8xb64_800e': swin(*LARGE_SWIN) + decoder(1536, 192, 8, 2),
    'um_mae/pvt-s_8xb128_200e': pvt(*SMALL) + decoder(512, 64, 2, 2),
    'um_mae/vit-b_8xb128_200e': vit(768, 12) + decoder(768, 768, 2, 1),
    'simmim/swin-t-um_8xb64_200e': swin(*TINY) + 96 + 769 * 3072,
    'simmim/pvt-s-um_8xb128_200e': pvt(*SMALL) + 64 + 513 * 3072,
    'simmim/swin-b_16xb128_100e': 89_874_104,
    'simmim/swin-b_16xb128_800e': 89_874_104,
    'simmim/swin-l_16xb128_800e': 199_920_372 - 2 * 48 * (23**2 - 11**2),
    'mixmae/swin-b_8xb128_600e': 114_239_288,
    'mixmae/swin-l_8xb128_600e': 222_841_044,
}


@pytest.mark.parametrize('name', OFFICIAL)
def test_counts_are_official(name):
    row = row_of(ROOT / f'configs/{name}.py')
    assert row['Metadata']['Parameters'] == OFFICIAL[name]


@every_pretraining
def test_views_and_masks_fit_the_network(path):
    """Crops are whole cells; the number of hidden cells is as expected."""
    config = read(path)
    crops = [
        step.scale
        for step in config.train_dataloader.dataset.pipeline
        if step.type.endswith('RandomResizedCrop')
    ]
    model = config.model
    size = model.backbone.get('img_size', 224)
    assert crops == [size]
    # Scenes are as large as their crops.
    tested = [
        step.crop_size
        for step in config.val_dataloader.dataset.pipeline
        if step.type.endswith('CenterCrop')
    ]
    assert tested == ([] if 'scenes' in path.stem else [size])
    masking = model.data_preprocessor.masking
    assert model.neck.cell == masking.cell
    mask = TASK_UTILS.build(masking)(4, size, size, None)
    cells = (size // masking.cell) ** 2
    hidden = mask.hidden.flatten(1).sum(1).tolist()
    share = {
        'mixmae': math.floor(0.5 * cells),
        'um_mae': cells * 3 // 4,
        'simmim': math.ceil(cells * masking.get('ratio', 0)),
    }[path.parent.name]
    assert hidden == [share] * len(hidden)
    assert len(hidden) == (1 if path.parent.name == 'mixmae' else 4)
    if path.parent.name == 'um_mae':
        again = mask.secondary.flatten(1).sum(1).tolist()
        kept = cells - share
        assert again == [kept - int(kept * 0.75)] * 4


@every_pretraining
def test_batches_and_accumulation_agree(path):
    config = read(path)
    finding = UpdateSize().run(PlannedRun('train', config))
    assert finding is not None and not finding.errors


@pytest.mark.parametrize('path', LARGE, ids=identity)
def test_an_update_is_official(path):
    """Batch, rate, betas, decay and warm-up are the official ones."""
    config = read(path)
    counts = config.optim_wrapper.get('accumulative_counts', 1)
    images = config.auto_scale_lr.base_batch_size * counts
    optimizer = config.optim_wrapper.optimizer
    epochs = config.train_cfg.max_epochs
    warmup = config.param_scheduler[0]
    method = path.parent.name
    if '-um_' in path.stem:
        method = 'um_mae'
    expected = {
        'mixmae': (2048, 1.2e-3, (0.9, 0.95), 40),
        'um_mae': (4096, 2.4e-3, (0.9, 0.95), epochs // 20),
        'simmim': (
            2048,
            8e-4 if epochs == 100 else 4e-4,
            (0.9, 0.999),
            10,
        ),
    }[method]
    assert (
        images,
        pytest.approx(optimizer.lr),
        tuple(optimizer.betas),
        warmup.end,
    ) == expected
    assert optimizer.weight_decay == 0.05
    clip = config.optim_wrapper.get('clip_grad')
    assert (clip == dict(max_norm=5.0)) == (method == 'simmim')
    assert config.optim_wrapper.paramwise_cfg == dict(flat_decay_mult=0.0)
    (crop,) = (
        step
        for step in config.train_dataloader.dataset.pipeline
        if step.type.endswith('RandomResizedCrop')
    )
    area = (0.67, 1.0) if method == 'simmim' else (0.2, 1.0)
    assert tuple(crop.crop_ratio_range) == area


def test_600_epoch_runs_on_8_and_16_gpus_are_equal():
    """8 and 16 GPUs: same updates per epoch and masks per update."""
    for ranks in (8, 16):
        path = ROOT / f'configs/mixmae/swin-b_{ranks}xb128_600e.py'
        config = read(path)
        accumulation = config.optim_wrapper.accumulative_counts
        update = ranks * config.train_dataloader.batch_size * accumulation
        assert 1_281_167 // update == 625
        assert ranks * accumulation == 16


def test_three_methods_differ_in_the_method_only():
    """Backbone, data, schedule, hooks and fine-tuning are the same."""
    configs = {name: read(path).to_dict() for name, path in THREE.items()}
    for config in configs.values():
        model = config['model']
        assert model['data_preprocessor'].pop('masking')
        assert model.pop('neck')['type'] and model.pop('head')['type']
    assert configs['mixmae'] == configs['um_mae'] == configs['simmim']
    tuned = read(
        ROOT / 'configs/classification/swin-mini-um-finetune_imagenette-128.py'
    ).model.backbone
    for key, value in configs['mixmae']['model']['backbone'].items():
        # Both have the default number of channels.
        if key not in ('type', 'in_channels'):
            assert tuned[key] == value, key


@pytest.mark.parametrize('path', THREE.values(), ids=identity)
def test_a_step_of_each_of_the_three(path):
    """Every parameter gets a gradient from a batch of two images."""
    torch.manual_seed(0)
    model = MODELS.build(read(path).model)
    model.init_weights()
    data = model.data_preprocessor(
        {'inputs': torch.randint(0, 256, (2, 3, 128, 128)).byte()}, True
    )
    loss = model(**data, mode='loss')['loss']
    loss.backward()
    assert 0.5 < loss.item() < 3
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    # Softmax is invariant to a constant added to a row.
    assert all(name.endswith('.bias') for name in without), without


@every_pretraining
def test_images_are_flipped(path):
    config = read(path)
    steps = [
        step['type'].rpartition('.')[2]
        for step in config.train_dataloader.dataset.pipeline
    ]
    assert 'DrawFlip' in steps or 'RandomFlip' in steps
