"""Conversion of timm's and Microsoft's ``SwinTransformer``, both ways.

timm merges patches at the beginning of a stage, like mixmae; Microsoft's code,
and timm before 0.9, at the end of the previous stage. ``timm:NAME`` is one of
timm's pretrained networks.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from mixmae.checkpoints.conversion.conversion import (
    Conversion,
    Source,
    refuse_ours,
)
from mixmae.checkpoints.conversion.network import (
    backbone_prefix,
    own_parts,
    swin_conversion,
    without_inner_norms,
)
from mixmae.checkpoints.conversion.swin_settings import (
    SwinSettings,
    count_numbered,
    refuse,
    size_objections,
    swin_objections,
)
from mixmae.checkpoints.conversion.tensor_layout import crop_tables
from mixmae.checkpoints.loading.key_map import NO_PART, KeyMap, prefixed
from mixmae.fileio.shown_text import cause_of

_BLOCKS = [
    ('patch_embed.{m}.{p}', 'patch_embed.{m}.{p}'),
    (
        'layers.{i}.blocks.{j}.attn.relative_position_bias_table',
        'stages.{i}.blocks.{j}.attn.position_bias.table',
    ),
    ('layers.{i}.blocks.{j}.{n}.{p}', 'stages.{i}.blocks.{j}.{n}.{p}'),
    (
        'layers.{i}.blocks.{j}.{n}.{m}.{p}',
        'stages.{i}.blocks.{j}.{n}.{m}.{p}',
    ),
]
_DROPS = [
    (r'.*\.relative_position_index', 'index, recomputed'),
    (r'.*\.attn_mask', 'mask of shifted windows, recomputed'),
]


def from_timm(source: Source) -> Conversion:
    """Convert timm's or Microsoft's Swin, alone or in a detector.

    Its own classifier becomes ``head.fc``.

    Raises:
        ValueError: The file is not such a network, or has learned absolute
            positions.
    """
    refuse_ours(source)
    theirs = backbone_prefix(source.state)
    if f'{theirs}absolute_pos_embed' in source.state:
        raise ValueError(
            'a Swin with absolute positions (absolute_pos_embed) cannot '
            'become a MIMSwin without positions; if this is a MixMIM '
            'checkpoint, use --from official'
        )
    # Older versions of timm merge at the end of a stage, as Microsoft's code.
    merging = f'{theirs}layers.0.downsample.reduction.weight'
    last = max(0, count_numbered(source.state, f'{theirs}layers.') - 1)
    keys = _map(last, merging in source.state, theirs)
    state, report = keys.to_ours(source.state)
    # Without positions it is needed only for the reverse conversion.
    recorded = source.model.get('SwinTransformer') or {}
    img_size = recorded.get('img_size', SwinSettings.img_size)
    report.notes.append(
        'equal where each grid is a multiple of its window or lies within '
        'one; elsewhere timm pads after shifting, without masking'
    )
    return swin_conversion(source, state, report, img_size=img_size)


def to_timm(source: Source, img_size: int | None = None) -> Conversion:
    """Convert to timm's Swin, with a classifier if present.

    Its windows, and with them the bias tables, are never larger than the grid
    of the image size that it is built for: larger tables are cropped to their
    centre, which is what MIMSwin indexes there.

    Args:
        source: The mixmae checkpoint.
        img_size: Side of its images in pixels; None = that of the network.

    Raises:
        ValueError: The network's config is unknown, or timm's Swin cannot
            represent the network at its image size.
    """
    state, settings, report = own_parts(source, {'head'})
    settings = settings.at(img_size)
    if not report.complete:
        return Conversion(state, report, {}, source.path)
    refuse("timm's SwinTransformer", _objections(settings))
    last = len(settings.depths) - 1
    kept, unused = without_inner_norms(state, last)
    renamed, mapped = _map(last, merges_late=False).to_theirs(kept)
    left = 'norm of an output that timm lacks'
    mapped.dropped = {**dict.fromkeys(unused, left), **report.dropped}
    crop_tables(renamed, settings, mapped)
    mapped.notes.append(
        f'equal to MIMSwin at image size {settings.img_size}; timm keeps this '
        'size unless img_size is set'
    )
    head = state.get('head.fc.weight')
    classes = 0 if head is None else head.size(0)
    config = _config(settings, classes)
    return Conversion(
        renamed, mapped, {'SwinTransformer': config}, source.path
    )


def _objections(settings: SwinSettings) -> list[str]:
    """Return why timm's Swin cannot be a network; empty if it can."""
    objections = [
        *swin_objections(settings, per_stage=True),
        *size_objections(settings),
    ]
    if settings.norm_eps != SwinSettings.norm_eps:
        objections.append(
            f'its norm_eps is {settings.norm_eps}, timm uses '
            f'{SwinSettings.norm_eps}'
        )
    for grid, window in zip(
        settings.grids, settings.window_sizes, strict=True
    ):
        if any(side > window and side % window for side in grid):
            objections.append(
                f'at image size {settings.img_size} a grid of {grid[0]}x'
                f'{grid[1]} tokens is padded to windows of {window}, which '
                f'timm does after shifting and without masking'
            )
        if min(grid) < window and grid[0] != grid[1]:
            objections.append(
                f'at image size {settings.img_size} a grid of '
                f'{grid[0]}x{grid[1]} tokens makes the window of {window} '
                'non-square'
            )
    return objections


def _config(settings: SwinSettings, num_classes: int) -> dict[str, Any]:
    """Arguments of ``timm.models.swin_transformer.SwinTransformer``."""
    windows = settings.window_sizes
    return dict(
        img_size=settings.img_size,
        patch_size=settings.patch_size,
        in_chans=settings.in_channels,
        num_classes=num_classes,
        embed_dim=settings.embed_dims,
        depths=settings.depths,
        num_heads=settings.num_heads,
        window_size=windows[0] if len(set(windows)) == 1 else windows,
        mlp_ratio=settings.mlp_ratio,
    )


def _map(last: int, merges_late: bool, theirs: str = '') -> KeyMap:
    """Return the templates for a backbone whose keys begin with ``theirs``."""
    merging = 'stages.{i+1}' if merges_late else 'stages.{i}'
    backbone = [
        *_BLOCKS,
        ('layers.{i}.downsample.{m}.{p}', merging + '.downsample.{m}.{p}'),
        ('norm.{p}', f'norm{last}.{{p}}'),
        # Of the outputs of Microsoft's detectors and segmentors.
        ('norm{i}.{p}', 'norm{i}.{p}'),
    ]
    return KeyMap(
        [
            *prefixed(backbone, theirs, 'backbone.'),
            (f'{theirs}head.fc.{{p}}', 'head.fc.{p}'),
            # Microsoft's key.
            (f'{theirs}head.{{p}}', 'head.fc.{p}'),
        ],
        [(rf'(?!{re.escape(theirs)}).*', NO_PART), *_DROPS],
    )


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
