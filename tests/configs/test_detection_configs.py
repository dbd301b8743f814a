"""Detection configs: whole models, and agreement of their parts."""

from __future__ import annotations

import functools
import re

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mixmae.models.backbones.mim_pvt import PVT_ARCHS
from mixmae.models.backbones.mim_swin import swin_arch
from tests.configs.test_configs import CONFIGS, ROOT, identity, metafile
from tests.models.parts import TINY, tiny_model

# Configs for own data have no source to be compared with.
DETECTORS = [
    path
    for path in CONFIGS
    if path.parent.name == 'detection' and path.stem[:4] != 'own-'
]
# Warnings of mmdet's code about changed torch functions.
pytestmark = [
    pytest.mark.filterwarnings('ignore'),
    pytest.mark.usefixtures('full_tier'),
]
every_detector = pytest.mark.parametrize('path', DETECTORS, ids=identity)
TWO_STAGES = [path for path in DETECTORS if not path.name.startswith('gfl')]
two_stages = pytest.mark.parametrize('path', TWO_STAGES, ids=identity)
gfl = pytest.mark.parametrize(
    'path', [p for p in DETECTORS if p not in TWO_STAGES], ids=identity
)


@functools.cache
def read(path) -> Config:
    return Config.fromfile(path)


def build(path) -> nn.Module:
    """Build the whole detector on the meta device."""
    from mmdet.registry import MODELS

    # The runner gives the scope; here the model names its own.
    model = {**read(path).model, '_scope_': 'mmdet'}
    with torch.device('meta'):
        return MODELS.build(model)


@pytest.mark.slow
@every_detector
def test_builds_and_counts(path):
    detector = build(path)
    (row,) = [
        row
        for row in metafile(path)['Models']
        if row['Config'].endswith(f'/{path.name}')
    ]
    count = sum(parameter.numel() for parameter in detector.parameters())
    assert count == row['Metadata']['Parameters']
    assert type(detector.backbone).__module__.startswith('mixmae.')


def channels(backbone) -> list[int]:
    if backbone.type == 'mixmae.MIMPVT':
        return list(PVT_ARCHS[backbone.arch].embed_dims)
    dims, depths, _ = swin_arch(backbone.arch)
    return [dims << i for i in range(len(depths))]


@two_stages
def test_strides_and_channels_agree(path):
    model = read(path).model
    backbone = model.backbone
    found = channels(backbone)
    assert tuple(backbone.out_indices) == tuple(range(len(found)))
    assert list(model.neck.in_channels) == found
    strides = [backbone.patch_size << i for i in range(model.neck.num_outs)]
    assert list(model.rpn_head.anchor_generator.strides) == strides
    for kind in ('bbox', 'mask'):
        extractor = model.roi_head[f'{kind}_roi_extractor']
        assert list(extractor.featmap_strides) == strides[:4]
        assert extractor.out_channels == model.neck.out_channels
    # Images padded to the last stride have whole grids.
    assert model.data_preprocessor.pad_size_divisor % strides[3] == 0


@gfl
def test_stages_are_mapped_before_the_pyramid(path):
    """Each stage is projected to 768 channels, as in UM-MAE's backbones."""
    model = read(path).model
    assert tuple(model.backbone.out_indices) == (1, 2, 3)
    mapping, pyramid = model.neck
    assert list(mapping.in_channels) == channels(model.backbone)[1:]
    assert mapping.act_cfg is None and mapping.kernel_size == 1
    assert list(pyramid.in_channels) == [mapping.out_channels] * 3 == [768] * 3
    strides = model.bbox_head.anchor_generator.strides
    assert list(strides) == [8 << i for i in range(pyramid.num_outs)]


@every_detector
def test_windows_divide_the_grids_of_the_crops(path):
    config = read(path)
    crops = [
        step.crop_size
        for step in config.train_dataloader.dataset.pipeline
        if step.type == 'RandomCrop'
    ]
    assert bool(crops) == ('lsj' in path.name)
    backbone = config.model.backbone
    for height, width in crops:
        (pad,) = config.model.data_preprocessor.batch_augments
        assert tuple(pad.size) == (height, width)
        for stage, window in enumerate(backbone.get('window_sizes', ())):
            stride = backbone.patch_size << stage
            assert height // stride % window == 0
            assert width // stride % window == 0


@every_detector
def test_annotations_are_checked_before_they_are_loaded(path):
    config = read(path)
    data = config.train_dataloader.dataset
    kinds = [step.type for step in data.pipeline]
    check = kinds.index('mixmae.CheckInstances')
    assert check < kinds.index('LoadAnnotations')
    check = data.pipeline[check]
    assert check.ann_file == data.data_root + data.ann_file
    model = config.model
    heads = [
        model.get('bbox_head'),
        model.get('roi_head', {}).get('bbox_head'),
    ]
    heads.append(model.get('roi_head', {}).get('mask_head'))
    flat = [
        head
        for entry in heads
        for head in (entry if isinstance(entry, list) else [entry])
        if head is not None
    ]
    assert {head.num_classes for head in flat} == {check.num_classes}
    masks = path in TWO_STAGES
    assert check.with_mask == masks
    for split in ('train', 'val', 'test'):
        dataset = config[f'{split}_dataloader'].dataset
        assert dataset.type == 'mixmae.CheckedCocoDataset'
        assert dataset.data_root == data.data_root
    test = config.test_dataloader.dataset
    assert config.test_evaluator.ann_file == test.data_root + test.ann_file
    metric = config.test_evaluator.metric
    assert metric == (['bbox', 'segm'] if masks else 'bbox')


@pytest.mark.parametrize(
    'path',
    [p for p in TWO_STAGES if not re.search('mini|3stage', p.name)],
    ids=identity,
)
def test_schedules_equal_those_of_their_sources(path):
    """FastMIM's 3x recipe for SimMIM's Swin-B, mmdet's 1x for Swin-T."""
    config = read(path)
    lsj = 'lsj' in path.name
    optimizer = config.optim_wrapper.optimizer
    assert optimizer.type == 'AdamW' and optimizer.weight_decay == 0.05
    assert optimizer.lr == (6e-5 if lsj else 1e-4)
    assert tuple(optimizer.betas) == (0.9, 0.999)
    warmup, steps = config.param_scheduler
    assert not warmup.by_epoch and warmup.end == 1000
    assert steps.by_epoch and steps.gamma == 0.1
    assert list(steps.milestones) == ([27, 33] if lsj else [8, 11])
    assert config.train_cfg.max_epochs == (36 if lsj else 12)
    pvt = 'pvt' in path.name
    assert config.model.backbone.drop_path_rate == (0.1 if pvt else 0.2)
    if lsj:
        pipeline = config.train_dataloader.dataset.pipeline
        (jitter,) = [step for step in pipeline if step.type == 'RandomResize']
        assert tuple(jitter.ratio_range) == (0.1, 2.0)
        assert tuple(jitter.scale) == (1024, 1024)
    rates = config.optim_wrapper.paramwise_cfg
    assert rates.flat_decay_mult == rates.bias_table_decay_mult == 0.0


@gfl
def test_schedule_of_um_mae(path):
    """The schedule of DET/configs/gfl in the official code."""
    config = read(path)
    warmup, cosine = config.param_scheduler
    assert not warmup.by_epoch and warmup.end == 2000
    assert (cosine.begin, cosine.end) == (0, config.train_cfg.max_epochs)
    assert cosine.end == 25 and cosine.eta_min_ratio == 0.01
    optimizer = config.optim_wrapper.optimizer
    assert optimizer.lr == 1e-4 and optimizer.weight_decay == 0.05
    assert config.optim_wrapper.paramwise_cfg.layer_decay_rate == 1.0
    assert config.model.backbone.drop_path_rate == 0.1
    (resize,) = (
        step
        for step in config.test_dataloader.dataset.pipeline
        if step.type == 'Resize'
    )
    assert tuple(resize.scale) == (1333, 800)


@every_detector
def test_dtypes_are_supported_by_the_ops(path):
    """mmcv's ops lack bfloat16, which 'auto' may choose."""
    assert read(path).optim_wrapper.dtype in ('float16', 'float32')


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['pretraining', 'classifier'])
def test_both_kinds_of_starts_load_strictly(kind, tmp_path):
    from mmdet.registry import MODELS

    source = tiny_model().backbone.state_dict()
    state = {f'backbone.{key}': value for key, value in source.items()}
    if kind == 'pretraining':
        state = tiny_model().state_dict()
    if kind == 'classifier':
        state['head.fc.weight'] = torch.zeros(10, 64)
        state['head.fc.bias'] = torch.zeros(10)
    torch.save({'state_dict': state}, tmp_path / 'start.pth')
    model = Config.fromfile(
        ROOT / 'configs/detection/mask-rcnn_swin-mini_scenes-128.py'
    ).model
    model._scope_ = 'mmdet'
    model.backbone.update(
        **{key: TINY[key] for key in ('arch', 'img_size', 'patch_size')}
    )
    model.backbone.init_cfg.checkpoint = str(tmp_path / 'start.pth')
    model.neck.in_channels = [8, 16, 32, 64]
    detector = MODELS.build(model)
    detector.init_weights()
    loaded = detector.backbone.state_dict()
    for key, value in source.items():
        assert torch.equal(loaded[key], value), key
