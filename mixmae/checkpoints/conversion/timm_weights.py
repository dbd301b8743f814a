"""Pretrained weights by their name in timm, as ``timm:NAME``."""

from __future__ import annotations

import difflib
from typing import Any

from mixmae.checkpoints.conversion.source import Source
from mixmae.fileio.shown_text import cause_of

PREFIX = 'timm:'


def timm_source(address: str) -> Source:
    """Read a pretrained Swin of timm, from its cache or its hub.

    Args:
        address: ``timm:NAME``, for example
            ``timm:swin_tiny_patch4_window7_224``.

    Raises:
        ValueError: timm is not installed, has no Swin of this name, or cannot
            read its weights.
    """
    name = address.removeprefix(PREFIX)
    try:
        # Optional, and slow to import.
        import timm
    except ImportError:
        raise ValueError(
            f'{address}: timm is not installed; run pip install timm, or '
            f'name a file of weights'
        ) from None
    known = timm.list_models(module='swin_transformer')
    if name.split('.')[0] not in known:
        close = difflib.get_close_matches(name, known, 3, cutoff=0.0)
        raise ValueError(
            f'{address} is no Swin of timm; similar are '
            f'{", ".join(PREFIX + one for one in close)}'
        )
    try:
        model: Any = timm.create_model(name, pretrained=True)
    # Hub, cache and network raise errors of many kinds.
    except Exception as error:
        raise ValueError(
            f'{address}: timm cannot read its weights ({cause_of(error)}); '
            f'name a file of them instead'
        ) from None
    norm = model.pretrained_cfg
    return Source(
        address,
        model.state_dict(),
        {
            'data_preprocessor': {
                'mean': [255 * value for value in norm['mean']],
                'std': [255 * value for value in norm['std']],
                'channel_order': 'RGB',
            },
            'SwinTransformer': {'img_size': model.patch_embed.img_size},
        },
    )
