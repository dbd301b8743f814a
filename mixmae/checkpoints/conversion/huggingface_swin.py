"""Conversion of the ``Swin`` models of Hugging Face's transformers to ours.

They merge patches at the end of a stage, in our order, and have query, key
and value as three layers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from mixmae.checkpoints.conversion.conversion import Conversion
from mixmae.checkpoints.conversion.network import (
    backbone_config,
    wanted_state,
)
from mixmae.checkpoints.conversion.source import Source
from mixmae.checkpoints.conversion.swin_settings import (
    count_numbered,
    settings_from_shapes,
)
from mixmae.checkpoints.loading.key_map import KeyMap, KeyReport

_PATCHES = 'embeddings.patch_embeddings.projection.weight'
_CLASSIFIER = 'classifier.'
_NO_PART = 'a part of the model outside its backbone'
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
    ('classifier.{p}', 'head.fc.{p}'),
]
_DROPS = [
    (r'.*\.relative_position_index', 'index, recomputed'),
    (r'embeddings\.mask_token', 'mask token without a decoder'),
]
_QUERY = re.compile(r'(.*\.attention\.self\.)query\.(weight|bias)')


def from_huggingface(source: Source) -> Conversion:
    """Convert a Swin of Hugging Face, alone or inside of a model.

    Raises:
        ValueError: The file has no such backbone, or it has learned absolute
            positions.
    """
    found = [key for key in source.state if key.endswith(_PATCHES)]
    if not found:
        raise ValueError(
            f'not a Swin of Hugging Face: {source.path} has no {_PATCHES}'
        )
    prefix = found[0].removesuffix(_PATCHES)
    inner: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    others: list[str] = []
    for key, value in source.state.items():
        if key.startswith((prefix, _CLASSIFIER)):
            name = key.removeprefix(prefix)
            inner[name], names[name] = value, key
        else:
            others.append(key)
    renamed, report = from_huggingface_swin(inner)
    state = {_placed(key): value for key, value in renamed.items()}
    report.renamed = {names[a]: _placed(b) for a, b in report.renamed.items()}
    report.unexpected = [names[key] for key in report.unexpected]
    report.dropped = {
        **{names[key]: why for key, why in report.dropped.items()},
        **dict.fromkeys(others, _NO_PART),
    }
    settings = replace(
        settings_from_shapes(renamed),
        shift=True,
        absolute_positions=False,
        mask_padding=False,
    )
    model = {'backbone': backbone_config(state, settings)}
    report.compare(state, wanted_state(state, model))
    return Conversion(state, report, model, source.path)


def _placed(key: str) -> str:
    """Return our name of a tensor inside of the whole model."""
    return key if key.startswith('head.') else f'backbone.{key}'


def from_huggingface_swin(
    state: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], KeyReport]:
    """Rename the keys of a Swin and join query, key and value.

    Args:
        state: State dict of ``SwinModel`` or ``SwinBackbone``, with
            ``classifier`` if there is one.

    Returns:
        The state dict of a ``MIMSwin`` with ``shift=True``,
        ``absolute_positions=False`` and ``mask_padding=False``, with
        ``head.fc`` if there is a classifier, and a report of each key.

    Raises:
        ValueError: It has learned absolute positions, or one of query, key
            and value is missing.
    """
    if 'embeddings.position_embeddings' in state:
        raise ValueError(
            'a Swin with learned absolute positions '
            '(use_absolute_embeddings=True) cannot be a MIMSwin, whose '
            'positions are fixed sine-cosine embeddings'
        )
    joined = dict(state)
    parts: dict[str, list[str]] = {}
    for key in state:
        found = _QUERY.fullmatch(key)
        if found is None:
            continue
        names = [
            f'{found[1]}{x}.{found[2]}' for x in ('query', 'key', 'value')
        ]
        missing = [name for name in names if name not in state]
        if missing:
            raise ValueError(f'{key} is there, but {missing[0]} is missing')
        whole = f'{found[1]}qkv.{found[2]}'
        joined[whole] = torch.cat([joined.pop(name) for name in names])
        parts[whole] = names
    last = max(0, count_numbered(state, 'encoder.layers.') - 1)
    norm = ('layernorm.{p}', f'norm{last}.{{p}}')
    renamed, report = KeyMap([*_PAIRS, norm], _DROPS).to_ours(joined)
    for whole, names in parts.items():
        new = report.renamed.pop(whole)
        report.renamed |= dict.fromkeys(names, new)
    return renamed, report
