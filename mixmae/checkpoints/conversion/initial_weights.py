"""Weights that a run starts from, of mixmae or of another code base."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from torch import Tensor

from mixmae.checkpoints.conversion.automatic_conversion import (
    FITS,
    converted,
    is_ours,
)
from mixmae.checkpoints.conversion.conversion import (
    Conversion,
    Source,
    read_source,
)
from mixmae.checkpoints.conversion.input_channels import (
    adapted_patches,
    rule_of,
    statistics_of,
)
from mixmae.checkpoints.conversion.network import (
    IMAGENET,
    backbone_prefix,
    parts_of,
    wanted_state,
    without_inner_norms,
)
from mixmae.checkpoints.conversion.swin_settings import count_numbered
from mixmae.checkpoints.conversion.timm_swin import PREFIX, timm_source
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.checkpoints.io.download import is_name
from mixmae.checkpoints.loading.config_allowlist import registered_parts
from mixmae.checkpoints.loading.key_map import NO_PART, KeyReport
from mixmae.config.config_paths import type_name
from mixmae.fileio.shown_text import shortened
from mixmae.registry import MODELS

NECKS = ('MixMAENeck', 'UMMAENeck', 'SimMIMNeck')
# Settings of a backbone that a task chooses for itself.
OF_THE_TASK = (
    'init_cfg', 'drop_path_rate', 'out_indices', 'frozen_stages', 'norm_eval',
    'output_norms', 'with_cp', 'scores', 'sort_groups', '_scope_',
)  # fmt: skip
_BACKBONE, _NECK = 'backbone.', 'neck.'
_PATCHES = 'backbone.patch_embed.proj.weight'


@dataclass(frozen=True)
class InitialWeights:
    """A backbone with its weights, and the decoder of its pretraining.

    Attributes:
        path: The file, or its name, such as ``timm:NAME``.
        kind: What it is, in words.
        model: Configs of ``backbone``, ``neck`` if there is a decoder, and
            ``data_preprocessor``, which has ``mean``, ``std`` and
            ``channel_order``.
        state: Tensors of backbone and neck, with these prefixes.
        report: Report on each tensor of the file.
        as_it_is: Whether the file itself can be loaded, without conversion.
    """

    path: str
    kind: str
    model: Mapping[str, Any]
    state: Mapping[str, Tensor]
    report: KeyReport
    as_it_is: bool

    @property
    def is_local(self) -> bool:
        """Whether a run can load the file itself from its place."""
        return self.as_it_is and os.path.isfile(os.path.expanduser(self.path))

    def without_neck(self, reason: str) -> InitialWeights:
        """Leave out the decoder, if there is one."""
        if 'neck' not in self.model:
            return self
        new_names = self.report.renamed
        neck = [k for k, new in new_names.items() if new.startswith(_NECK)]
        renamed = {k: new for k, new in new_names.items() if k not in neck}
        dropped = self.report.dropped | dict.fromkeys(neck, reason)
        return replace(
            self,
            model={k: v for k, v in self.model.items() if k != 'neck'},
            state={
                k: v for k, v in self.state.items() if not k.startswith(_NECK)
            },
            report=replace(self.report, renamed=renamed, dropped=dropped),
        )

    def line(self) -> str:
        """Return one line that accounts for every tensor of the file."""
        report = self.report
        loaded = f'{len(report.renamed)} tensors loaded'
        if report.resized:
            sizes = ', '.join(
                f'{key} {tuple(old)} -> {tuple(new)}'
                for key, (old, new) in report.resized.items()
            )
            loaded += f', {len(report.resized)} of them resized ({sizes})'
        reasons = Counter(report.dropped.values())
        left = ', '.join(f'{why}: {n}' for why, n in reasons.items())
        total = f'{len(report.dropped)} left out' + (left and f' ({left})')
        notes = ''.join(f'; {note}' for note in report.notes)
        return f'{self.path} is {self.kind}: {loaded}, {total}{notes}'

    def write(self, path: str | os.PathLike) -> None:
        """Write a checkpoint, no safetensors file, that both parts load."""
        Conversion(self.state, self.report, self.model, self.path).write(
            Path(path)
        )


def initial_weights(
    init: str | os.PathLike, in_channels: int | None = None
) -> InitialWeights:
    """Read the weights that a run starts from; detect their code base.

    Args:
        init: A checkpoint or safetensors file of mixmae, of the official
            MixMIM, UM-MAE or SimMIM, or of a Swin of timm, Microsoft, mmdet,
            mmseg, mmpretrain or Hugging Face; ``mixmae:NAME``,
            ``hf:USER/NAME`` or ``timm:NAME``; or the folder of a run.
        in_channels: Channels of the images of the run; None = of the file.

    Raises:
        ValueError: The file cannot be read, or does not fit; one line says
            what it is and what would fit.
    """
    address = best_checkpoint(init)
    if address.startswith(PREFIX):
        source = timm_source(address)
    elif (
        is_name(address)
        or urlparse(address).scheme in ('http', 'https')
        or Path(address).expanduser().is_file()
    ):
        source = read_source(address)
    else:
        raise ValueError(
            f'init: there is no checkpoint {address}; give a file, its '
            f'address, or a name such as mixmae:NAME, hf:USER/NAME or '
            f'timm:NAME'
        )
    ours = is_ours(source)
    try:
        if ours:
            done, kind = _ours(source), 'a checkpoint of mixmae'
        else:
            done, kind = converted(source)
    except ValueError as error:
        if source.path in str(error):
            raise
        raise ValueError(f'{source.path}: {error}') from None
    if not done.report.complete:
        raise ValueError(f'{source.path} {_misfit(done.report, kind)}. {FITS}')
    return _of_channels(_without_task(kind, done, ours), in_channels)


def _without_task(kind: str, done: Conversion, ours: bool) -> InitialWeights:
    """Leave out heads, and norms of outputs before the last stage."""
    parts = {'data_preprocessor': dict(IMAGENET), **done.model}
    if type_name(parts.get('neck')) not in NECKS:
        parts.pop('neck', None)
    parts['backbone'] = {
        key: value
        for key, value in parts['backbone'].items()
        if key not in OF_THE_TASK
    }
    report = done.report
    loaded, dropped = {}, dict(report.dropped)
    # Only the norm of the last stage (of a ViT: block) is pretrained.
    last = count_numbered(done.state, 'backbone.stages.') - 1
    _, inner = without_inner_norms(done.state, last)
    for old, new in report.renamed.items():
        if new.startswith('head.'):
            dropped[old] = 'classifier'
        elif new.startswith(_NECK) and 'neck' not in parts:
            dropped[old] = "classifier's norm"
        elif new in inner:
            dropped[old] = 'norm of an output before the last stage'
        else:
            loaded[old] = new
    state = {
        # The norm of a classifier shows that the backbone has none.
        key: value
        for key, value in done.state.items()
        if not key.startswith('head.') and key not in inner
    }
    whole = ours and NO_PART not in dropped.values()
    report = replace(report, renamed=loaded, dropped=dropped)
    return InitialWeights(done.source, kind, parts, state, report, whole)


def _ours(source: Source) -> Conversion:
    """Return a checkpoint of mixmae, checked for completeness."""
    backbone, others = parts_of(source.state)
    state = {f'{_BACKBONE}{key}': value for key, value in backbone.items()}
    prefix = backbone_prefix(source.state)
    report = KeyReport(
        renamed={f'{prefix}{key}': f'{_BACKBONE}{key}' for key in backbone}
    )
    model: dict[str, Any] = {'backbone': source.part('backbone')}
    neck = source.model.get('neck') or {}
    taken = type_name(neck) in NECKS
    if taken:
        model['neck'] = neck
    for key, value in others.items():
        if taken and key.startswith(_NECK):
            state[key] = value
            report.renamed[key] = key
        else:
            report.dropped[key] = _other_part(key)
    model = {
        name: registered_parts(dict(part), (MODELS,), source.path)
        for name, part in model.items()
    }
    report.compare(state, wanted_state(state, model))
    if 'data_preprocessor' in source.model:
        model['data_preprocessor'] = source.preprocessing()
    return Conversion(state, report, model, source.path)


def _other_part(key: str) -> str:
    part = key.split('.')[0]
    if part == 'head':
        return 'classifier'
    if part in ('neck', 'data_preprocessor'):
        return f'{part} of another task'
    return NO_PART


def _misfit(report: KeyReport, kind: str) -> str:
    kinds = {
        'missing': report.missing,
        'that the network does not have': report.unexpected,
    }
    found = []
    for what, keys in kinds.items():
        if keys:
            some = shortened(', '.join(keys[:3]))
            more = ', ...' if len(keys) > 3 else ''
            found.append(f'{len(keys)} tensors {what} ({some}{more})')
    return f'looks like {kind}, but has {" and ".join(found)}'


def _of_channels(
    found: InitialWeights, in_channels: int | None
) -> InitialWeights:
    """Adapt weights to the channels of the images of a run."""
    backbone = found.model['backbone']
    given = backbone.get('in_channels', 3)
    if in_channels is None or in_channels == given:
        return found
    weight = found.state.get(_PATCHES)
    if weight is None:
        raise ValueError(
            f'{found.path}: a backbone of type {backbone.get("type")} is for '
            f'images of {given} channels, those of the run have {in_channels}'
        )
    found = found.without_neck(f'decoder of {given} channels')
    try:
        adapted = adapted_patches(weight, in_channels)
    except ValueError as error:
        raise ValueError(f'{found.path}: {error}') from None
    sizes = (weight.shape, adapted.shape)
    norm = found.model['data_preprocessor']
    return replace(
        found,
        model={
            **found.model,
            'backbone': {**backbone, 'in_channels': in_channels},
            'data_preprocessor': {
                **norm,
                'mean': statistics_of(norm['mean'], in_channels),
                'std': statistics_of(norm['std'], in_channels),
            },
        },
        state={**found.state, _PATCHES: adapted},
        report=replace(
            found.report,
            resized={**found.report.resized, _PATCHES: sizes},
            notes=[*found.report.notes, f'channels: {rule_of(in_channels)}'],
        ),
        as_it_is=False,
    )
