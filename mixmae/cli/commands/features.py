"""Extract features of images with a trained backbone.

    mixmae features CHECKPOINT IMAGE [IMAGE ...]
        --out FILE.npz [--config CONFIG]

IMAGE is a file, a folder or a quoted glob pattern. An .npz file contains
``names``, ``sizes`` (N, 2) of the network's inputs and, per stage, ``stage3``
(N, C); with --maps, one ``stage3_000000`` (C, h, w) per image. An .npy file
contains the pooled features (N, C) of one stage; FILE.names.txt next to it
lists the names, one per line.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mixmae.apis import FeatureExtractor
from mixmae.cli.command_line import CommandParser
from mixmae.cli.shared_arguments import add_inference_arguments, resize_of
from mixmae.config.failure_report import ConfigError
from mixmae.fileio.atomic_write import atomic_write, check_output
from mixmae.fileio.shown_text import escape


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(
        description=__doc__.splitlines()[0],
        epilog='Without --resize images keep their size.',
    )
    add_inference_arguments(parser)
    parser.add_argument(
        '--out',
        required=True,
        metavar='FILE',
        help='output file, .npz or .npy',
    )
    parser.add_argument(
        '--stages',
        type=int,
        nargs='+',
        metavar='STAGE',
        help="stages, counted from 0 (default: the config's out_indices, or "
        'the last stage)',
    )
    parser.add_argument(
        '--maps',
        action='store_true',
        help='write feature maps instead of pooled features',
    )
    return parser.parse_args(argv)


def check_out(out: Path, stages: Sequence[int], maps: bool) -> None:
    """Check before the extraction that the file can hold its output."""
    if out.suffix not in ('.npz', '.npy'):
        raise ConfigError(f'--out must end in .npz or .npy, got {out}')
    if out.suffix == '.npy' and (maps or len(stages) > 1):
        raise ConfigError(
            'an .npy file contains the pooled features of one stage, but this '
            f'would be {"maps of " if maps else ""}stages {list(stages)}; set '
            '--stages, or use an .npz file'
        )
    check_output(out)


def as_arrays(results: Iterable[dict], maps: bool) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file, in the order of the inputs."""
    ordered = sorted(results, key=lambda result: result['index'])
    arrays = {
        'names': np.array([result['name'] for result in ordered]),
        'sizes': np.array([result['size'] for result in ordered]),
    }
    for stage in ordered[0]['features']:
        parts = [result['features'][stage] for result in ordered]
        if maps:
            for i, part in enumerate(parts):
                arrays[f'stage{stage}_{i:06d}'] = part
        else:
            arrays[f'stage{stage}'] = np.stack(parts)
    return arrays


def write(out: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write the file atomically."""
    with atomic_write(out) as partial, partial.open('wb') as file:
        if out.suffix == '.npz':
            np.savez(file, **arrays)  # type: ignore[arg-type]
            return
        (features,) = (
            array for name, array in arrays.items() if name.startswith('stage')
        )
        np.save(file, features)
    with atomic_write(out.with_suffix('.names.txt')) as partial:
        # One line per name; special characters are escaped.
        lines = [escape(str(name)) for name in arrays['names']]
        partial.write_text('\n'.join(lines) + '\n', encoding='utf-8')


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    out = Path(args.out)
    # Before the network is loaded; its own stages are known afterwards.
    check_out(out, args.stages or (), args.maps)
    extract = FeatureExtractor(
        args.config, args.checkpoint, args.device, args.stages
    )
    check_out(out, extract.stages, args.maps)
    results = extract.iterate(
        args.images,
        batch_size=args.batch_size,
        pool=not args.maps,
        resize=resize_of(args, None),
        skip_corrupt=args.skip_corrupt,
    )
    arrays = as_arrays(results, args.maps)
    write(out, arrays)
    shapes = {
        name: array.shape
        for name, array in arrays.items()
        if name.startswith('stage') and not args.maps
    }
    print(f'wrote {len(arrays["names"])} images to {out} {shapes or "(maps)"}')
