"""State dicts of one Swin with the key names of other code bases."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from mixmae.checkpoints.conversion.conversion import Source
from mixmae.checkpoints.conversion.openmmlab_swin import to_swin
from mixmae.checkpoints.conversion.timm_swin import to_timm
from mixmae.registry import MODELS
from tests.checkpoints.conversion.networks import SWIN, build, randomised

STRIDE = 16
_HF = (
    ('patch_embed.proj.', 'embeddings.patch_embeddings.projection.'),
    ('patch_embed.norm.', 'embeddings.norm.'),
    ('stages.', 'encoder.layers.'),
    ('.norm1.', '.layernorm_before.'),
    ('.norm2.', '.layernorm_after.'),
    (
        '.attn.position_bias.table',
        '.attention.self.relative_position_bias_table',
    ),
    ('.attn.proj.', '.attention.output.dense.'),
    ('.mlp.fc1.', '.intermediate.dense.'),
    ('.mlp.fc2.', '.output.dense.'),
    ('norm3.', 'layernorm.'),
)


def swin() -> nn.Module:
    return randomised(build(SWIN)).float()


def simmim_neck() -> nn.Module:
    torch.manual_seed(2)
    neck = MODELS.build(
        dict(
            type='SimMIMNeck',
            in_channels=64,
            token_channels=8,
            cell=STRIDE,
            stride=STRIDE,
        )
    )
    return randomised(neck).float()


def as_timm(ours: nn.Module) -> dict[str, Tensor]:
    return dict(to_timm(_source(ours)).state) | head('head.fc.')


def as_microsoft(ours: nn.Module) -> dict[str, Tensor]:
    """Return the state of Microsoft's Swin: merging ends a stage."""
    state = {
        re.sub(
            r'layers\.(\d)\.downsample',
            lambda found: f'layers.{int(found[1]) - 1}.downsample',
            key,
        ): value
        for key, value in to_timm(_source(ours)).state.items()
    }
    index = 'layers.0.blocks.0.attn.relative_position_index'
    return state | {index: torch.zeros(16, 16)} | head('head.')


def as_mmdet(ours: nn.Module) -> dict[str, Tensor]:
    extra = {'rpn_head.rpn_conv.weight': torch.zeros(4)}
    return dict(to_swin(_source(ours), 'mmdet').state) | extra


def as_mmpretrain(ours: nn.Module) -> dict[str, Tensor]:
    return dict(to_swin(_source(ours), 'mmseg').state) | head('head.fc.')


def as_huggingface(ours: nn.Module) -> dict[str, Tensor]:
    found = head('classifier.')
    for key, value in ours.state_dict().items():
        for mine, theirs in _HF:
            key = key.replace(mine, theirs)
        if '.downsample.' in key:
            stage = int(key.split('.')[2])
            key = key.replace(f'.{stage}.', f'.{stage - 1}.', 1)
        parts = {key: value}
        if '.attn.qkv.' in key:
            names = ('query', 'key', 'value')
            parts = {
                key.replace('.attn.qkv.', f'.attention.self.{name}.'): part
                for name, part in zip(names, value.chunk(3), strict=True)
            }
        found |= {f'swin.{name}': part for name, part in parts.items()}
    return found


def as_simmim(ours: nn.Module) -> dict[str, Tensor]:
    """Return the state of the official pretraining model."""
    encoder = {
        f'encoder.{key}': value
        for key, value in as_microsoft(ours).items()
        if not key.startswith('head.')
    }
    return encoder | decoder('encoder.mask_token', 'decoder.0.')


def as_mmpretrain_simmim(ours: nn.Module) -> dict[str, Tensor]:
    state = dict(to_swin(_source(ours), 'mmseg').state)
    return state | decoder('backbone.mask_token', 'neck.decoder.0.')


def as_huggingface_simmim(ours: nn.Module) -> dict[str, Tensor]:
    state = {
        key: value
        for key, value in as_huggingface(ours).items()
        if not key.startswith('classifier.')
    }
    return state | decoder('swin.embeddings.mask_token', 'decoder.0.')


def decoder(token: str, layer: str) -> dict[str, Tensor]:
    """Return SimMIM's decoder; its output channels are in (C, r, r) order."""
    neck = simmim_neck()
    weight, bias = neck.predict.weight.data, neck.predict.bias.data
    pixels = weight.unflatten(0, (STRIDE, STRIDE, 3)).movedim(2, 0)
    return {
        token: neck.mask_token.data.view(1, 1, -1),
        f'{layer}weight': pixels.flatten(0, 2)[..., None, None],
        f'{layer}bias': bias.view(STRIDE, STRIDE, 3).movedim(2, 0).flatten(),
    }


def head(name: str) -> dict[str, Tensor]:
    return {f'{name}weight': torch.zeros(5, 64), f'{name}bias': torch.zeros(5)}


def saved(path: Path, state: dict[str, Tensor]) -> Path:
    # Files of others have the state dict under several names.
    torch.save({'model': state}, path)
    return path


def _source(ours: nn.Module) -> Source:
    state = {f'backbone.{k}': v for k, v in ours.state_dict().items()}
    return Source('x', state, {'backbone': SWIN})
