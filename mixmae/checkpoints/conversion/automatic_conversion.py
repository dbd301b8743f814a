"""Converters of all code bases, and the one of a checkpoint by its keys.

A further code base is a row of ``INCOMING`` or ``OUTGOING``; one that is
recognised also has a row of ``RECOGNISED`` and a pattern in
``mixmae.checkpoints.loading.key_map``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from mixmae.checkpoints.conversion.bare_backbone import from_bare, to_bare
from mixmae.checkpoints.conversion.conversion import Conversion, Source
from mixmae.checkpoints.conversion.huggingface_swin import from_huggingface
from mixmae.checkpoints.conversion.mixmim import from_official
from mixmae.checkpoints.conversion.mmpretrain_mixmim import (
    from_mmpretrain,
    to_mmpretrain,
)
from mixmae.checkpoints.conversion.openmmlab_swin import from_swin, to_swin
from mixmae.checkpoints.conversion.simmim import from_simmim, is_simmim
from mixmae.checkpoints.conversion.timm_swin import from_timm, to_timm
from mixmae.checkpoints.conversion.um_mae import from_um_mae
from mixmae.checkpoints.loading.key_map import code_base_of
from mixmae.checkpoints.loading.official_weights import (
    is_official_mixmim,
    is_official_um_mae,
)
from mixmae.config.config_paths import type_name
from mixmae.registry import MODELS

OUR_TABLE = '.attn.position_bias.'
FITS = (
    'What fits: a checkpoint or backbone.safetensors of mixmae, an official '
    'MixMIM, UM-MAE or SimMIM, or a Swin of timm, Microsoft, mmdet, mmseg, '
    'mmpretrain or Hugging Face'
)
Converter = Callable[..., Conversion]
# Converters by the names of ``mixmae convert --from`` and ``--to``.
INCOMING: Mapping[str, Converter] = {
    'official': from_official,
    'um-mae': from_um_mae,
    'mmpretrain': from_mmpretrain,
    'mmdet': from_swin,
    'mmseg': from_swin,
    'timm': from_timm,
    'huggingface': from_huggingface,
    'simmim': partial(from_simmim, convert=from_timm),
    'safetensors': from_bare,
}
OUTGOING: Mapping[str, Converter] = {
    'mmpretrain': to_mmpretrain,
    'mmdet': partial(to_swin, scope='mmdet'),
    'mmseg': partial(to_swin, scope='mmseg'),
    'timm': to_timm,
    'safetensors': to_bare,
}
# What a file is, by the name that ``code_base_of`` returns.
RECOGNISED: Mapping[str, str] = {
    'mmpretrain': 'a MixMIM of mmpretrain',
    'mmdet': 'a Swin of mmdet, mmseg or mmpretrain',
    'timm': 'a Swin of timm or Microsoft',
    'huggingface': 'a Swin of Hugging Face',
}
# Its other keys are those of Swin.
_SWIN_V2 = re.compile(r'\.(attn\.w_msa|attn|attention\.self)\.logit_scale')
# What is recognised in order to say that it does not fit; the first pattern
# that a key matches decides.
_OTHERS = (
    (
        r'^features\.\d+\.\d+\.attn\.relative_position_bias_table',
        "torchvision's Swin, with other names and blocks",
    ),
    (
        r'^(\w+\.)?(cls_token|blocks\.0\.attn\.qkv\.weight)$'
        r'|encoder\.layer\.0\.attention\.|^backbone\.layers\.0\.ln1\.',
        'a plain ViT, which has one stage and no windows',
    ),
    (r'(^|\.)layer1\.0\.conv1\.weight', 'a ResNet'),
    (
        r'\.(conv_dw|dwconv|depthwise_conv)\.weight',
        'a network with depthwise convolutions, such as ConvNeXt or PVTv2',
    ),
)


def is_ours(source: Source) -> bool:
    """Return True if the file holds a backbone of ours under our key names."""
    kind = type_name(source.model.get('backbone'))
    return (
        (kind.startswith('MIM') or MODELS.knows(kind))
        and code_base_of(source.state) is None
        and not is_official_um_mae(source.state)
    )


def converted(source: Source) -> tuple[Conversion, str]:
    """Detect the code base of a checkpoint and convert it.

    Returns:
        The conversion, complete or not, and what the file is, in words.

    Raises:
        ValueError: The file is of no known code base, or of a network that
            cannot be converted.
    """
    if is_official_um_mae(source.state):
        return from_um_mae(source), 'an official UM-MAE'
    if any(_SWIN_V2.search(key) for key in source.state):
        raise ValueError(
            f'{source.path} is a Swin V2, whose cosine attention and '
            f'continuous position biases MIMSwin does not have; a Swin V1 of '
            f'the same code base fits'
        )
    if is_official_mixmim(source.state):
        return from_official(source), 'an official MixMIM'
    found = code_base_of(source.state)
    if found is None:
        raise ValueError(f'{source.path} is {_unknown(source)}. {FITS}')
    words, convert = RECOGNISED[found], INCOMING[found]
    if is_simmim(source.state):
        words = f'{words}, pretrained by SimMIM'
        return from_simmim(source, convert), words
    return convert(source), words


def _unknown(source: Source) -> str:
    recorded = str((source.model.get('backbone') or {}).get('type', ''))
    whole = type_name(source.model).endswith('MaskedImageModel')
    if recorded and (whole or recorded.startswith('mixmae.')):
        return (
            f'a checkpoint of mixmae with a backbone of type '
            f'{recorded.split(".")[-1]}, which no imported module registers; '
            f'name its module by custom_imports.imports=[MODULE] in '
            f'--cfg-options (Python: overrides)'
        )
    if any(OUR_TABLE in key for key in source.state):
        return (
            'a backbone of mixmae without its config, and its tensors do not '
            'show whether it shifts windows or adds positions'
        )
    for pattern, what in _OTHERS:
        if any(re.search(pattern, key) for key in source.state):
            return what
    names = ', '.join(sorted(source.state)[:3])
    return f'of no known code base (its tensors are {names}, ...)'
