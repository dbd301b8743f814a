"""Checkpoints of the official MixMIM (Sense-X/MixMIM), in our names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from mixmae.checkpoints.key_report import KeyReport

# Tried in order; the first that matches the whole key decides.
_RENAMES = [
    (r'patch_embed\.(.*)', r'backbone.patch_embed.\1'),
    (
        r'layers\.(\d+)\.blocks\.(.*)\.relative_position_bias_table',
        r'backbone.stages.\1.blocks.\2.position_bias.table',
    ),
    (r'layers\.(\d+)\.blocks\.(.*)', r'backbone.stages.\1.blocks.\2'),
    (r'norm\.(.*)', r'backbone.norm{last}.\1'),
    (r'decoder_embed\.(.*)', r'neck.embed.\1'),
    (r'mask_token', r'neck.mask_token'),
    (r'decoder_blocks\.(.*)', r'neck.decoder.blocks.\1'),
    (r'decoder_norm\.(.*)', r'neck.decoder.norm.\1'),
    (r'decoder_pred\.(.*)', r'neck.decoder.predict.\1'),
]
_DROPS = [
    (r'(absolute|decoder)_pos_embed', 'frozen sine-cosine table, recomputed'),
    (r'.*\.(relative_position_index|attn_mask)', 'index, recomputed'),
    (r'head\.(weight|bias)', 'ImageNet classifier'),
]


def is_official_mixmim(state: Mapping[str, Tensor]) -> bool:
    """Whether keys look like the official pretraining or fine-tuning net."""
    return 'layers.0.blocks.0.attn.qkv.weight' in state


def from_official_mixmim(
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], KeyReport]:
    """Renames the keys of an official MixMIM state dict.

    Args:
        state: of the pretraining or of the fine-tuning network.

    Returns:
        The state dict of a ``MaskedImageModel``, of which a fine-tuning
        checkpoint fills the backbone alone, and what became of each key.
        Tensors are the given ones.
    """
    report = KeyReport()
    converted: dict[str, Tensor] = {}
    stages = [re.match(r'layers\.(\d+)\.', key) for key in state]
    last = max((int(found[1]) for found in stages if found), default=0)
    for key, value in state.items():
        name = _new_name(key, last)
        why = next((why for old, why in _DROPS if re.fullmatch(old, key)), '')
        if why:
            report.dropped[key] = why
        elif name is None:
            report.unexpected.append(key)
        else:
            converted[name] = value
            report.renamed[key] = name
    return converted, report


def _new_name(key: str, last: int) -> str | None:
    # The official code merges patches at the end of a stage, we at the
    # beginning of the next one.
    merging = re.fullmatch(r'layers\.(\d+)\.downsample\.(.*)', key)
    if merging:
        return f'backbone.stages.{int(merging[1]) + 1}.downsample.{merging[2]}'
    for old, new in _RENAMES:
        if re.fullmatch(old, key):
            return re.sub(old, new.replace('{last}', str(last)), key)
    return None
