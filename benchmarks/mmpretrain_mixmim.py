"""mmpretrain's MixMIM as a candidate: the same network as our MixMAE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mmpretrain.models  # noqa: F401
from mmpretrain.registry import MODELS
from torch import nn

from mixmae.models.backbones.mim_swin import swin_arch


def build(settings: Mapping[str, Any]) -> nn.Module:
    """Build the model of mmpretrain's own config.

    Args:
        settings: ``arch`` (a name or a dict), ``img_size``, ``window_sizes``,
            ``decoder`` (embed_dims, depth, num_heads) as for ours; optional
            ``with_cp``.
    """
    arch = settings['arch']
    embed_dims, depths, num_heads = swin_arch(arch)
    side, decoder = settings['img_size'], settings['decoder']
    config = dict(
        type='MixMIM',
        data_preprocessor=dict(
            type='SelfSupDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            to_rgb=True,
        ),
        backbone=dict(
            type='MixMIMPretrainTransformer',
            arch=dict(
                embed_dims=embed_dims,
                depths=list(depths),
                num_heads=list(num_heads),
            ),
            img_size=side,
            window_size=list(settings['window_sizes']),
            use_checkpoint=settings.get('with_cp', False),
        ),
        neck=dict(
            type='MixMIMPretrainDecoder',
            num_patches=(side // 32) ** 2,
            embed_dim=embed_dims * 2 ** (len(depths) - 1),
            encoder_stride=32,
            decoder_embed_dim=decoder['embed_dims'],
            decoder_depth=decoder['depth'],
            decoder_num_heads=decoder['num_heads'],
        ),
        head=dict(
            type='MixMIMPretrainHead',
            norm_pix=True,
            loss=dict(type='PixelReconstructionLoss', criterion='L2'),
        ),
    )
    model = MODELS.build(config)
    model.init_weights()
    return model
