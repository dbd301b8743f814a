"""Key names of the official MixMIM (Sense-X/MixMIM)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from mixmae.checkpoints.loading.key_map import KeyMap, KeyReport

_PAIRS = [
    ('patch_embed.{m}.{p}', 'backbone.patch_embed.{m}.{p}'),
    (
        'layers.{i}.blocks.{j}.attn.relative_position_bias_table',
        'backbone.stages.{i}.blocks.{j}.attn.position_bias.table',
    ),
    (
        'layers.{i}.blocks.{j}.{n}.{p}',
        'backbone.stages.{i}.blocks.{j}.{n}.{p}',
    ),
    (
        'layers.{i}.blocks.{j}.{n}.{m}.{p}',
        'backbone.stages.{i}.blocks.{j}.{n}.{m}.{p}',
    ),
    # The official code merges patches at the end of a stage, mixmae at the
    # beginning of the next one.
    (
        'layers.{i}.downsample.{m}.{p}',
        'backbone.stages.{i+1}.downsample.{m}.{p}',
    ),
    ('decoder_embed.{p}', 'neck.embed.{p}'),
    ('mask_token', 'neck.mask_token'),
    ('decoder_blocks.{i}.{n}.{p}', 'neck.decoder.blocks.{i}.{n}.{p}'),
    ('decoder_blocks.{i}.{n}.{m}.{p}', 'neck.decoder.blocks.{i}.{n}.{m}.{p}'),
    ('decoder_norm.{p}', 'neck.decoder.norm.{p}'),
    ('decoder_pred.{p}', 'neck.decoder.predict.{p}'),
    # mmpretrain's LinearClsHead on the pooled last map.
    ('head.{p}', 'head.fc.{p}'),
]
_DROPS = [
    (r'(absolute|decoder)_pos_embed', 'frozen sine-cosine table, recomputed'),
    (r'.*\.(relative_position_index|attn_mask)', 'index, recomputed'),
]


def is_official_mixmim(state: Mapping[str, Tensor]) -> bool:
    """Return True if keys look like the official MixMIM's.

    The pretraining model and the fine-tuned model are both recognised.
    A plain Swin of Microsoft or timm has the same names, but neither a mask
    token nor positions.
    """
    return 'layers.0.blocks.0.attn.qkv.weight' in state and (
        'absolute_pos_embed' in state or 'mask_token' in state
    )


def from_official_mixmim(
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], KeyReport]:
    """Rename the keys of an official MixMIM state dict.

    Args:
        state: State dict of the pretraining or fine-tuning network.

    Returns:
        The state dict of a ``MaskedImageModel``, or of an ``ImageClassifier``
        with ``head.fc``, and a report of each key. Tensors are not copied.
    """
    stages = [re.match(r'layers\.(\d+)\.', key) for key in state]
    last = max((int(found[1]) for found in stages if found), default=0)
    norm = ('norm.{p}', f'backbone.norm{last}.{{p}}')
    return KeyMap([*_PAIRS, norm], _DROPS).to_ours(state)
