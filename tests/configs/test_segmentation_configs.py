"""Segmentation configs: they build, and their parts agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config

FOLDER = Path(__file__).parents[2] / 'configs' / 'segmentation'
# Configs for own data have no source to be compared with.
CONFIGS = sorted(p for p in FOLDER.glob('*.py') if p.stem[:4] != 'own-')
every_config = pytest.mark.parametrize('path', CONFIGS, ids=lambda p: p.stem)


def transforms(pipeline: list) -> list[str]:
    return [step['type'] for step in pipeline]


def pipelines(config: Config) -> list:
    return [
        config[f'{split}_dataloader'].dataset.pipeline
        for split in ('train', 'val', 'test')
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
@pytest.mark.usefixtures('full_tier')
@every_config
def test_builds_and_counts(path: Path) -> None:
    from mmseg.registry import MODELS
    from mmseg.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    config = Config.fromfile(path)
    before = config.to_dict()
    with torch.device('meta'):
        model = MODELS.build({**config.model, '_scope_': 'mmseg'})
    assert config.to_dict() == before
    rows = yaml.safe_load((FOLDER / 'metafile.yml').read_text())['Models']
    (row,) = [row for row in rows if row['Config'].endswith(f'/{path.name}')]
    count = sum(parameter.numel() for parameter in model.parameters())
    assert row['Metadata']['Parameters'] == count

    features = model.backbone.num_features
    assert model.backbone.out_indices == list(range(len(features)))
    if config.model.get('neck'):
        # UM-MAE maps each stage to 768 channels.
        assert config.model.neck.in_channels == features
        features = [config.model.neck.out_channels] * 4
        assert features == [768] * 4
    assert model.decode_head.in_channels == features
    auxiliary = model.auxiliary_head
    assert auxiliary.in_channels == features[auxiliary.in_index]
    for head in (model.decode_head, auxiliary):
        assert head.num_classes == config_classes(config)


@every_config
def test_heads_and_their_losses(path: Path) -> None:
    model = Config.fromfile(path).model
    for name, kind, weight in (
        ('decode_head', 'UPerHead', 1.0),
        ('auxiliary_head', 'FCNHead', 0.4),
    ):
        assert model[name].type == kind
        assert model[name].loss_decode.type == 'CrossEntropyLoss'
        assert model[name].loss_decode.loss_weight == weight
    assert model.auxiliary_head.in_index == 2


def config_classes(config: Config) -> int:
    """Return the number of classes of a config's data set."""
    dataset = config.train_dataloader.dataset
    if dataset.type == 'ADE20KDataset':
        return 150
    return len(dataset.metainfo.classes)


@every_config
def test_windows_divide_the_grids_of_a_crop(path: Path) -> None:
    config = Config.fromfile(path)
    (crop,) = [
        step.crop_size
        for step in config.train_dataloader.dataset.pipeline
        if step.type == 'RandomCrop'
    ]
    assert config.model.data_preprocessor.size == crop
    backbone = config.model.backbone
    for stage, window in enumerate(backbone.get('window_sizes', ())):
        stride = backbone.patch_size << stage
        for side in crop:
            assert side % stride == 0
            assert (side // stride) % window == 0
    test_cfg = config.model.test_cfg
    if test_cfg.mode == 'slide':
        assert test_cfg.crop_size == crop
        # Neighbours overlap by a third.
        assert test_cfg.stride == tuple(2 * side // 3 for side in crop)


@every_config
def test_label_maps_are_checked_as_loaded(path: Path) -> None:
    config = Config.fromfile(path)
    for split, pipeline in zip(
        ('train', 'val', 'test'), pipelines(config), strict=True
    ):
        names = transforms(pipeline)
        at = names.index('LoadAnnotations')
        assert names[at + 1] == 'mixmae.CheckLabelMap', split
        assert pipeline[at + 1].num_classes == config_classes(config)
        dataset = config[f'{split}_dataloader'].dataset
        # ADE20KDataset reduces by default; the loader must agree with it.
        reduces = dataset.get(
            'reduce_zero_label', dataset.type == 'ADE20KDataset'
        )
        assert pipeline[at].get('reduce_zero_label', False) == reduces


@every_config
def test_schedule_ends_with_the_training(path: Path) -> None:
    config = Config.fromfile(path)
    warmup, decay = config.param_scheduler
    assert warmup.end == decay.begin
    assert decay.end == config.train_cfg.max_iters
    assert config.train_cfg.max_iters % config.train_cfg.val_interval == 0
    # One eta_min for all groups would raise the rates of low layers.
    assert decay.eta_min == 0


@pytest.mark.parametrize(
    'path', [p for p in CONFIGS if 'ade20k' in p.stem], ids=lambda p: p.stem
)
def test_the_name_describes_the_run(path: Path) -> None:
    config = Config.fromfile(path)
    ranks, batch, thousands, crop = map(
        int,
        re.search(r'_(\d+)xb(\d+)-(\d+)k_ade20k-(\d+)$', path.stem).groups(),
    )
    assert config.train_dataloader.batch_size == batch
    assert config.auto_scale_lr.base_batch_size == ranks * batch == 16
    assert config.train_cfg.max_iters == 1000 * thousands
    assert config.model.data_preprocessor.size == (crop, crop)
    assert config.param_scheduler[0].end == 1500


@pytest.mark.parametrize('kind', ['camvid', 'scenes-128'])
def test_from_scratch_differs_in_start_and_layer_decay_only(kind: str) -> None:
    """The baseline differs in its start and its layer decay only."""
    pretrained, scratch = (
        Config.fromfile(FOLDER / f'upernet_swin-mini{arm}_{kind}.py').to_dict()
        for arm in ('', '-scratch')
    )
    assert pretrained['model']['backbone'].pop('init_cfg')
    assert scratch['model']['backbone'].pop('init_cfg') is None
    decays = [
        arm['optim_wrapper']['paramwise_cfg'].pop('layer_decay_rate')
        for arm in (pretrained, scratch)
    ]
    assert decays[0] < decays[1] == 1.0
    assert pretrained == scratch
