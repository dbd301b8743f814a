"""Conversion of the ``Swin`` models of Hugging Face's transformers to ours.

They merge patches at the end of a stage, in our order, and have query, key
and value as three layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from mixmae.checkpoints.conversion.conversion import Conversion, Source
from mixmae.checkpoints.conversion.network import swin_conversion
from mixmae.checkpoints.conversion.swin_settings import count_numbered
from mixmae.checkpoints.loading.key_map import NO_PART, KeyMap, prefixed

_PATCHES = 'embeddings.patch_embeddings.projection.weight'
_THEIRS = 'encoder.layers.{i}.blocks.{j}.'
_OURS = 'stages.{i}.blocks.{j}.'
_PAIRS = [
    ('embeddings.patch_embeddings.projection.{p}', 'patch_embed.proj.{p}'),
    ('embeddings.norm.{p}', 'patch_embed.norm.{p}'),
    (_THEIRS + 'layernorm_before.{p}', _OURS + 'norm1.{p}'),
    (_THEIRS + 'layernorm_after.{p}', _OURS + 'norm2.{p}'),
    (
        _THEIRS + 'attention.self.relative_position_bias_table',
        _OURS + 'attn.position_bias.table',
    ),
    (_THEIRS + 'attention.self.qkv.{p}', _OURS + 'attn.qkv.{p}'),
    (_THEIRS + 'attention.output.dense.{p}', _OURS + 'attn.proj.{p}'),
    (_THEIRS + 'intermediate.dense.{p}', _OURS + 'mlp.fc1.{p}'),
    (_THEIRS + 'output.dense.{p}', _OURS + 'mlp.fc2.{p}'),
    (
        'encoder.layers.{i}.downsample.{m}.{p}',
        'stages.{i+1}.downsample.{m}.{p}',
    ),
    # Of ``SwinBackbone``.
    ('hidden_states_norms.stage{i+1}.{p}', 'norm{i}.{p}'),
]
_DROPS = [
    (r'.*\.relative_position_index', 'index, recomputed'),
    (r'(.*\.)?embeddings\.mask_token', 'mask token without a decoder'),
]
_QUERY = re.compile(r'(.*\.attention\.self\.)query\.(weight|bias)')


def from_huggingface(source: Source) -> Conversion:
    """Convert a Swin of Hugging Face, alone or inside of a model.

    A ``classifier`` becomes ``head.fc``.

    Raises:
        ValueError: The file has no such backbone, it has learned absolute
            positions, or one of query, key and value is missing.
    """
    patches = [key for key in source.state if key.endswith(_PATCHES)]
    if not patches:
        raise ValueError(
            f'not a Swin of Hugging Face: {source.path} has no {_PATCHES}'
        )
    prefix = patches[0].removesuffix(_PATCHES)
    if f'{prefix}embeddings.position_embeddings' in source.state:
        raise ValueError(
            'a Swin with learned absolute positions '
            '(use_absolute_embeddings=True) cannot be a MIMSwin, whose '
            'positions are fixed sine-cosine embeddings'
        )
    joined, parts = _joined(source.state, prefix)
    stages = count_numbered(joined, f'{prefix}encoder.layers.')
    norm = ('layernorm.{p}', f'norm{max(0, stages - 1)}.{{p}}')
    outside = rf'(?!{re.escape(prefix)}|classifier\.).*'
    state, report = KeyMap(
        [
            *prefixed([*_PAIRS, norm], prefix, 'backbone.'),
            ('classifier.{p}', 'head.fc.{p}'),
        ],
        [(outside, NO_PART), *_DROPS],
    ).to_ours(joined)
    for whole, names in parts.items():
        if whole in report.renamed:
            new = report.renamed.pop(whole)
            report.renamed |= dict.fromkeys(names, new)
    return swin_conversion(source, state, report, mask_padding=False)


def _joined(
    state: Mapping[str, Tensor], prefix: str
) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    """Join query, key and value; also return the names of each three."""
    joined = dict(state)
    parts: dict[str, list[str]] = {}
    for key in state:
        query = _QUERY.fullmatch(key)
        if query is None or not key.startswith(prefix):
            continue
        names = [
            f'{query[1]}{x}.{query[2]}' for x in ('query', 'key', 'value')
        ]
        missing = [name for name in names if name not in state]
        if missing:
            raise ValueError(f'{key} is there, but {missing[0]} is missing')
        whole = f'{query[1]}qkv.{query[2]}'
        joined[whole] = torch.cat([joined.pop(name) for name in names])
        parts[whole] = names
    return joined, parts
