"""Backbones without groups, compared with timm and mmdet in float64."""

import pytest
import torch
from torch import nn

from mixmae.registry import MODELS

ARCH = {
    'embed_dims': (8, 16, 24, 32),
    'depths': (2, 2, 3, 2),
    'num_heads': (1, 2, 3, 4),
    'mlp_ratios': (2, 2, 2, 2),
}
ALL = (0, 1, 2, 3)
# Whole numbers of key cells, but not of windows of 7.
SIZE = (224, 288)


def maps(backbone: nn.Module, state: dict) -> list[torch.Tensor]:
    """Return maps before the output norms, with another network's weights."""
    backbone = backbone.double().eval()
    norms = {k: v for k, v in backbone.state_dict().items() if k[:4] == 'norm'}
    backbone.load_state_dict({**norms, **state}, strict=True)
    for i in ALL:
        setattr(backbone, f'norm{i}', nn.Identity())
    with torch.no_grad():
        return list(backbone(images()))


def images() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, *SIZE, generator=generator).double()


def randomised(model: nn.Module) -> nn.Module:
    torch.manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.double().eval()


def renamed(name: str, pairs: dict[str, str]) -> str:
    for old, new in pairs.items():
        name = name.replace(old, new)
    return name


def from_timm(state: dict) -> dict:
    found = {}
    for key, value in state.items():
        part, *rest = key.split('.')
        tail = '.'.join(rest[1:])
        if part == 'patch_embeds':
            stage = rest[0]
            place = 'patch_embed' if stage == '0' else None
            found[f'{place or f"stages.{stage}.downsample"}.{tail}'] = value
        elif part == 'pos_block':
            name = tail.removeprefix('proj.0.')
            found[f'stages.{rest[0]}.position_conv.{name}'] = value
        elif part == 'blocks':
            tail = renamed(
                tail,
                {
                    'attn.sr.': 'attn.reduction.proj.',
                    'attn.norm.': 'attn.reduction.norm.',
                },
            )
            found[f'stages.{rest[0]}.blocks.{tail}'] = value
    return found


@pytest.mark.slow
@pytest.mark.parametrize('window', [7, None])
def test_timm_twins(window):
    twins = pytest.importorskip('timm.models.twins').Twins
    other = randomised(
        twins(
            SIZE,
            num_classes=0,
            **ARCH,
            wss=window and (window,) * 4,
        )
    )
    with torch.no_grad():
        wanted = other.forward_intermediates(images(), intermediates_only=True)
    ours = MODELS.build(
        dict(
            type='MIMTwins',
            arch=ARCH,
            window_size=window,
            mask_padding=False,
            out_indices=ALL,
        )
    )
    found = maps(ours, from_timm(other.state_dict()))
    for ours_i, wanted_i in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours_i, wanted_i, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    'arch', ['svt-s', 'svt-base', 'svt-large', 'pcpvt-base']
)
def test_published_twins_have_as_many_parameters(arch):
    timm = pytest.importorskip('timm')
    sizes = {'s': 'small', 'b': 'base', 'l': 'large'}
    family, size = arch.split('-')
    with torch.device('meta'):
        ours = MODELS.build(dict(type='MIMTwins', arch=arch))
        other = timm.create_model(
            f'twins_{family}_{sizes.get(size, size)}', num_classes=0
        )
    wanted = {k: v.shape for k, v in from_timm(other.state_dict()).items()}
    found = {k: v.shape for k, v in ours.state_dict().items()}
    norm = {f'norm3.{k}': other.norm.weight.shape for k in ('weight', 'bias')}
    assert found == {**wanted, **norm}


def from_mmdet(state: dict) -> dict:
    pairs = {
        'attn.attn.out_proj.': 'attn.proj.',
        'attn.sr.': 'attn.reduction.proj.',
        'attn.norm.': 'attn.reduction.norm.',
        'ffn.layers.0.': 'mlp.fc1.',
        'ffn.layers.3.': 'mlp.fc2.',
    }
    found = {}
    for key, value in state.items():
        _, stage, part, *rest = key.split('.')
        inside = f'stages.{stage}'
        if part == '0':
            first = stage == '0'
            place = 'patch_embed' if first else f'{inside}.downsample'
            name = '.'.join(rest).replace('projection', 'proj')
            found[f'{place}.{name}'] = value
        elif rest[-1] == 'pos_embed':
            place = 'positions' if stage == '0' else f'{inside}.positions'
            rows, columns = (side // 4 >> int(stage) for side in SIZE)
            table = value[0].unflatten(0, (rows, columns))
            found[f'{place}.table'] = table
        else:
            block = f'{inside}.blocks.{int(rest[0]) - 1}'
            name = '.'.join(rest[1:])
            if 'in_proj' in name:
                dims = value.size(0) // 3
                kind = name.split('_')[-1]
                found[f'{block}.attn.q.{kind}'] = value[:dims]
                found[f'{block}.attn.kv.{kind}'] = value[dims:]
            else:
                # Linear maps are convolutions of one token there.
                if 'ffn' in name and value.ndim == 4:
                    value = value.flatten(1)
                found[f'{block}.{renamed(name, pairs)}'] = value
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')
def test_mmdet_pvt():
    pytest.importorskip('mmcv.ops', reason='no full tier: `make test`')
    from mmdet.models.backbones.pvt import PyramidVisionTransformer

    other = randomised(
        PyramidVisionTransformer(
            pretrain_img_size=SIZE,
            embed_dims=8,
            num_layers=ARCH['depths'],
            num_heads=ARCH['num_heads'],
            mlp_ratios=ARCH['mlp_ratios'],
        )
    )
    for part in other.modules():
        if isinstance(part, nn.LayerNorm):
            # 1e-6 in some places and 1e-5 in others, not as PVT has them.
            part.eps = 1e-5
    with torch.no_grad():
        wanted = other(images())
    ours = MODELS.build(
        dict(
            type='MIMPVT',
            arch=ARCH,
            img_size=SIZE,
            positions='per_stage',
            norm_eps=1e-5,
            out_indices=ALL,
        )
    )
    found = maps(ours, from_mmdet(other.state_dict()))
    for ours_i, wanted_i in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours_i, wanted_i, rtol=1e-10, atol=1e-10)


# As published, in millions, with a classifier of 1,000 classes, for which
# the official network has a class token and its position besides.
@pytest.mark.parametrize(
    ('arch', 'millions'),
    [('tiny', 13.2), ('small', 24.5), ('medium', 44.2), ('large', 61.4)],
)
def test_published_pvt_have_as_many_parameters(arch, millions):
    with torch.device('meta'):
        ours = MODELS.build(
            dict(type='MIMPVT', arch=arch, positions='per_stage')
        )
    count = sum(p.numel() for p in ours.parameters())
    count += 1000 * (512 + 1) + 2 * 512
    assert round(count / 1e6, 1) == millions
