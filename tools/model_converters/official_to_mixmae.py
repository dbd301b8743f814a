"""Converts an official MixMIM checkpoint to the names of mixmae.

Reports every key: taken with its new name, resized, dropped on purpose,
unexpected, missing. A key that is unexpected or missing makes it fail, and
nothing is written.

    python tools/model_converters/official_to_mixmae.py SRC DST
        [--window-sizes 16 16 24 12]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mixmae.checkpoints import KeyReport, from_official_mixmim, safe_load
from mixmae.models.layers.position_bias import resize_table
from mixmae.registry import MODELS


def network_of(state: Mapping[str, Tensor]) -> torch.nn.Module:
    """The network, on the meta device, that a converted state belongs to.

    Sizes are read off the tensors, so any width and depth is recognised.

    Raises:
        ValueError: tensors from which sizes are read are not there.
    """
    try:
        return _network_of(state)
    except KeyError as error:
        raise ValueError(
            f'not an official MixMIM checkpoint: {error.args[0]} is missing'
        ) from None


def _network_of(state: Mapping[str, Tensor]) -> torch.nn.Module:
    def count(prefix: str) -> int:
        return len(
            {
                key[len(prefix) :].split('.')[0]
                for key in state
                if key.startswith(prefix)
            }
        )

    stages = range(count('backbone.stages.'))
    tables = [
        state[f'backbone.stages.{i}.blocks.0.attn.position_bias.table']
        for i in stages
    ]
    patches = state['backbone.patch_embed.proj.weight']
    backbone = {
        'type': 'MIMSwin',
        'arch': {
            'embed_dims': patches.size(0),
            'depths': [count(f'backbone.stages.{i}.blocks.') for i in stages],
            'num_heads': [table.size(1) for table in tables],
        },
        'patch_size': patches.size(-1),
        'window_sizes': [(round(t.size(0) ** 0.5) + 1) // 2 for t in tables],
    }
    with torch.device('meta'):
        if 'neck.mask_token' not in state:
            return torch.nn.ModuleDict({'backbone': MODELS.build(backbone)})
        embed = state['neck.embed.weight']
        pixels = state['neck.decoder.predict.weight'].size(0)
        neck = {
            'type': 'MixMAENeck',
            'in_channels': embed.size(1),
            'cell': round((pixels / 3) ** 0.5),
            'decoder': {
                'embed_dims': embed.size(0),
                'depth': count('neck.decoder.blocks.'),
                # No tensor's shape depends on the heads of a decoder.
                'num_heads': 1,
            },
        }
        parts = {'backbone': backbone, 'neck': neck}
        return torch.nn.ModuleDict(
            {name: MODELS.build(part) for name, part in parts.items()}
        )


def resize_tables(
    state: dict[str, Tensor], windows: Sequence[int], report: KeyReport
) -> None:
    """Resizes the bias tables to other windows, one per stage, in place.

    Raises:
        ValueError: not one window per stage.
    """
    tables = [key for key in state if key.endswith('position_bias.table')]
    stages = {key.split('.')[2] for key in tables}
    if len(windows) != len(stages) or min(windows) < 1:
        raise ValueError(
            f'--window-sizes {list(windows)} must be one side of at least 1 '
            f'token for each of the {len(stages)} stages'
        )
    for key in tables:
        resized = resize_table(state[key], windows[int(key.split('.')[2])])
        if resized.shape != state[key].shape:
            report.resized[key] = (state[key].shape, resized.shape)
            state[key] = resized


def convert(
    source: Path, windows: Sequence[int] | None = None
) -> tuple[dict[str, Tensor], KeyReport]:
    """Reads and converts a file; fills the report's other fields.

    Args:
        source: an official checkpoint.
        windows: sides of the windows to resize bias tables to, or None.

    Raises:
        ValueError: the file is no official MixMIM checkpoint.
    """
    checkpoint = safe_load(source)
    state = checkpoint.get('model', checkpoint)
    converted, report = from_official_mixmim(state)
    if windows is not None:
        resize_tables(converted, windows, report)
    expected = network_of(converted).state_dict()
    report.missing = sorted(expected.keys() - converted.keys())
    for key in sorted(converted.keys() & expected.keys()):
        if converted[key].shape != expected[key].shape:
            report.unexpected.append(
                f'{key} of shape {tuple(converted[key].shape)}, where '
                f'{tuple(expected[key].shape)} is wanted'
            )
    report.unexpected += sorted(converted.keys() - expected.keys())
    return converted, report


def main(argv: list[str] | None = None) -> int:
    """Returns 0, or 2 if the checkpoint does not fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('src', type=Path, help='official checkpoint')
    parser.add_argument('dst', type=Path, help='file to write')
    parser.add_argument(
        '--window-sizes',
        type=int,
        nargs='+',
        help='resize bias tables bicubically to these windows, one per stage',
    )
    args = parser.parse_args(argv)
    try:
        state, report = convert(args.src, args.window_sizes)
    except ValueError as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print('\n'.join(report.lines()))
    if not report.complete:
        print('error: keys do not fit, nothing written', file=sys.stderr)
        return 2
    args.dst.parent.mkdir(parents=True, exist_ok=True)
    partial = args.dst.with_name(args.dst.name + '.partial')
    meta = {'source': 'official MixMIM', 'grade': 'converted'}
    torch.save({'state_dict': state, 'meta': meta}, partial)
    os.replace(partial, args.dst)
    print(f'wrote {args.dst}')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
