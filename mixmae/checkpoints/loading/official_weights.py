"""Key names of the official MixMIM and UM-MAE, recognised and renamed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from mixmae.checkpoints.loading.key_map import KeyMap, KeyReport

# Of both: the decoder, and mmpretrain's LinearClsHead of a fine-tuned network.
_DECODER_PAIRS = [
    ('decoder_embed.{p}', 'neck.embed.{p}'),
    ('mask_token', 'neck.mask_token'),
    ('decoder_blocks.{i}.{n}.{p}', 'neck.decoder.blocks.{i}.{n}.{p}'),
    ('decoder_blocks.{i}.{n}.{m}.{p}', 'neck.decoder.blocks.{i}.{n}.{m}.{p}'),
    ('decoder_norm.{p}', 'neck.decoder.norm.{p}'),
    ('decoder_pred.{p}', 'neck.decoder.predict.{p}'),
    ('head.{p}', 'head.fc.{p}'),
]
# Official MixMIM (Sense-X/MixMIM)
_MIXMIM_PAIRS = [
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
    *_DECODER_PAIRS,
]
_MIXMIM_DROPS = [
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
    """Rename the keys of an official MixMIM, pretrained or fine-tuned.

    Returns:
        The state dict of a ``MaskedImageModel``, or of an ``ImageClassifier``
        with ``head.fc``, and a report of each key. Tensors are not copied.
    """
    stages = [re.match(r'layers\.(\d+)\.', key) for key in state]
    last = max((int(found[1]) for found in stages if found), default=0)
    norm = ('norm.{p}', f'backbone.norm{last}.{{p}}')
    return KeyMap([*_MIXMIM_PAIRS, norm], _MIXMIM_DROPS).to_ours(state)


# Official UM-MAE (implus/UM-MAE). Its Swin and PVT number the blocks of all
# stages consecutively, and the first block of a stage holds the merging before
# it. Its ViT is MAE's and has other names.
# Keys after the number of a block.
_BLOCK_PAIRS = [
    # Swin; 1x1 convolutions there, linear layers here.
    ('attn.posmlp.0.{p}', 'attn.position_bias.fc1.{p}'),
    ('attn.posmlp.2.{p}', 'attn.position_bias.fc2.{p}'),
    # PVT
    ('attn.sr.{p}', 'attn.reduction.proj.{p}'),
    ('attn.norm.{p}', 'attn.reduction.norm.{p}'),
    ('{n}.{p}', '{n}.{p}'),
    ('{n}.{m}.{p}', '{n}.{m}.{p}'),
]
_UM_MAE_PAIRS = [
    ('patch_embed.{m}.{p}', 'backbone.patch_embed.{m}.{p}'),
    ('vis_mask_token', 'neck.secondary_token'),
    *_DECODER_PAIRS,
    # Fine-tuning network: NormedPooling.
    ('fc_norm.{p}', 'neck.norm.{p}'),
]
_FROZEN = (r'(decoder_)?pos_embed', 'frozen sine-cosine table, recomputed')
_UM_MAE_DROPS = [
    (r'.*\.(attn_mask|relative_position_index)', 'index, recomputed'),
    (r'kernel|pos_hw', 'constant, recomputed'),
]
# PVT learns its positions during fine-tuning.
_LEARNED = ('pos_embed', 'backbone.positions.table')


def is_official_um_mae(state: Mapping[str, Tensor]) -> bool:
    """Return True if keys look like the official UM-MAE's Swin or PVT.

    The model may be pretrained or fine-tuned; a ViT has no merging.
    """
    first = 'blocks.0.attn.'
    own = (first + 'posmlp.0.weight', first + 'sr.weight')
    merges = any(re.match(r'blocks\.\d+\.downsample\.', key) for key in state)
    return merges and any(key in state for key in own)


def from_official_um_mae(
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], KeyReport]:
    """Rename the keys of an official UM-MAE, pretrained or fine-tuned.

    Returns:
        The state dict of a ``MaskedImageModel`` with ``UMMAENeck``, or of an
        ``ImageClassifier`` with ``NormedPooling`` and ``head.fc``, and a
        report of each key. Tensors are the given ones or views of them.

    Raises:
        ValueError: Learned positions are not a square grid, or block numbers
            exceed the number of tensors.
    """
    numbers = [re.match(r'blocks\.(\d+)\.(downsample)?', key) for key in state]
    found = [number for number in numbers if number]
    starts = {int(number[1]) for number in found if number[2]}
    last = max((int(number[1]) for number in found), default=-1)
    # Each block has tensors: a larger number would only use memory.
    if last >= len(state):
        raise ValueError(f'block {last} in a file of {len(state)} tensors')
    # (stage, index in it) of each block, in order.
    places: list[tuple[int, int]] = []
    for block in range(last + 1):
        stage, index = places[-1] if places else (0, -1)
        new = block in starts
        places.append((stage + 1, 0) if new else (stage, index + 1))
    learned = 'mask_token' not in state and 'pos_embed' in state
    renamed, report = _key_map(places, learned).to_ours(state)
    for key, value in renamed.items():
        if '.position_bias.' in key:
            renamed[key] = value.flatten(1) if value.ndim == 4 else value
        elif key == _LEARNED[1]:
            count = value.size(1) if value.ndim == 3 else 0
            side = round(count**0.5)
            if not count or side**2 != count:
                raise ValueError(
                    f'pos_embed of shape {tuple(value.shape)} is not a square '
                    'grid of positions'
                )
            renamed[key] = value.unflatten(1, (side, side))[0]
    return renamed, report


def _key_map(places: list[tuple[int, int]], learned: bool) -> KeyMap:
    """Return the templates for blocks at places (stage, index in it).

    ``learned`` positions are a parameter, not a frozen table.
    """
    pairs = []
    for block, (stage, index) in enumerate(places):
        theirs = f'blocks.{block}.'
        ours = f'backbone.stages.{stage}.'
        if not index:
            merging = 'downsample.{m}.{p}'
            pairs.append((theirs + merging, ours + merging))
        pairs += [
            (theirs + their, f'{ours}blocks.{index}.{our}')
            for their, our in _BLOCK_PAIRS
        ]
    last = max((stage for stage, _ in places), default=0)
    pairs.append(('norm.{p}', f'backbone.norm{last}.{{p}}'))
    if learned:
        return KeyMap([*pairs, *_UM_MAE_PAIRS, _LEARNED], _UM_MAE_DROPS)
    return KeyMap([*pairs, *_UM_MAE_PAIRS], [_FROZEN, *_UM_MAE_DROPS])
