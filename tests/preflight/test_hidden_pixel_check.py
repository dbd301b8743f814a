"""Backbones and necks that pass hidden pixels on are found before a run."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mixmae.preflight.check import PlannedRun
from mixmae.preflight.check_list import build_preflight
from mixmae.preflight.hidden_pixel_check import HiddenPixels
from tests.models.pairs import METHODS, pair_model

SIZE = 128
LOADER = dict(
    dataset=dict(
        type='UnlabeledImageFolder',
        pipeline=[dict(type='LoadRandomResizedCrop', scale=SIZE)],
    )
)


def planned_run(model):
    # As all configs: used if there are several ranks.
    wrapper = dict(type='MMDistributedDataParallel')
    config = Config(dict(train_dataloader=LOADER, model_wrapper_cfg=wrapper))
    return PlannedRun('train', config, {}, SimpleNamespace(model=model))


class WithConvolution(nn.Module):
    """Mixes the tokens of a stage with their neighbours."""

    def __init__(self, stage: nn.Module, dims: int) -> None:
        super().__init__()
        self.stage = stage
        self.conv = nn.Conv2d(dims, dims, 3, padding=1)

    def forward(self, *inputs: object) -> torch.Tensor:
        x = self.stage(*inputs)
        return x + self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


@pytest.mark.parametrize('method', METHODS)
def test_parts_that_hide_pixels(method):
    model = pair_model('log-swin' if method == 'um-mae' else 'swin', method)
    assert not HiddenPixels().run(planned_run(model)).errors


def test_a_convolution_between_groups_is_an_error():
    model = pair_model('swin', 'mixmae')
    model.backbone.stages[0] = WithConvolution(
        model.backbone.stages[0], model.backbone.num_features[0]
    )
    (error,) = HiddenPixels().run(planned_run(model)).errors
    assert 'MIMSwin, MixMAENeck' in error


def test_overlapping_patches_are_an_error():
    model = pair_model('swin', 'simmim')
    embed = model.backbone.patch_embed
    model.backbone.patch_embed = nn.Sequential(
        nn.Conv2d(3, 3, 3, padding=1), embed
    )
    assert HiddenPixels().run(planned_run(model)).errors


def test_a_model_stays_as_it_is():
    model = pair_model('swin', 'mixmae').train()
    model.backbone.stages[0].eval()
    modes = [part.training for part in model.modules()]
    weights = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(1)
    HiddenPixels().run(planned_run(model))
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    assert modes == [part.training for part in model.modules()]
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name])


@pytest.mark.parametrize(
    ('backbone', 'neck', 'applies'),
    [
        ('MIMSwin', 'mixmae.MixMAENeck', False),
        ('PatchwiseBackbone', 'MixMAENeck', True),
        ('MIMSwin', 'MeanTokenNeck', True),
    ],
)
def test_only_models_with_other_parts_are_checked(backbone, neck, applies):
    model = dict(
        type='MaskedImageModel',
        data_preprocessor=dict(masking=dict(type='RandomMasking')),
        backbone=dict(type=backbone),
        neck=dict(type=neck),
    )
    preflight = build_preflight(PlannedRun('train', Config(dict(model=model))))
    names = [check.name for check in preflight.checks]
    assert (HiddenPixels.name in names) == applies
