"""Reconstruct hidden parts of images with pretrained networks.

    mixmae reconstruct CHECKPOINT IMAGE [IMAGE ...] --out FOLDER
        [--config CONFIG] [--beside CHECKPOINT ...]

IMAGE is a file, a folder or a quoted glob pattern. FOLDER receives one panel
(PNG) per image and ``figures.json`` with the losses. With ``--beside``,
networks of other methods or runs reconstruct the same images: each gets a
subfolder, and the panels in FOLDER show all of them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mixmae.apis import ReconstructionInferencer
from mixmae.cli.command_line import CommandParser
from mixmae.cli.shared_arguments import add_inference_arguments, resize_of
from mixmae.config.failure_report import ConfigError
from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.shown_text import shown_line
from mixmae.visualization.pictures import write_png
from mixmae.visualization.reconstruction_panel import stacked_panels

FIGURES = ('name', 'loss', 'mean_colour_loss')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(
        description=__doc__.splitlines()[0],
        epilog='Without --resize images go through the test pipeline of the '
        'config.',
    )
    add_inference_arguments(parser)
    parser.add_argument(
        '--out',
        required=True,
        metavar='FOLDER',
        help='folder for panels and figures.json',
    )
    parser.add_argument(
        '--beside',
        nargs='+',
        default=[],
        metavar='CHECKPOINT',
        help='further pretraining checkpoints, of any method, shown below; '
        'each uses the config that it contains',
    )
    parser.add_argument(
        '--seed', type=int, default=0, help='seed of the masks (default: 0)'
    )
    parser.add_argument(
        '--bands',
        nargs='+',
        type=int,
        metavar='BAND',
        help='three channels, from 0, to draw as red, green and blue, or one '
        'to draw as grey (default: the first three)',
    )
    return parser.parse_args(argv)


def reconstruct(
    infer: ReconstructionInferencer, args: argparse.Namespace, out: Path
) -> dict[int, dict]:
    """Write panels and figures of one network; return the figures by image."""
    figures = {}
    # A generator: panels are written one by one, as there may be many images.
    for result in infer.iterate(
        args.images,
        batch_size=args.batch_size,
        seed=args.seed,
        resize=resize_of(args, 'pipeline'),
        out_dir=out,
        bands=args.bands,
        skip_corrupt=args.skip_corrupt,
    ):
        row = {name: result[name] for name in FIGURES}
        row['panel'] = Path(result['panel']).name
        figures[result['index']] = row
    rows = [figures[index] for index in sorted(figures)]
    with atomic_write(out / 'figures.json') as partial:
        partial.write_text(json.dumps(rows, indent=2) + '\n')
    mean = sum(row['loss'] for row in rows) / len(rows)
    filling = sum(row['mean_colour_loss'] for row in rows) / len(rows)
    print(
        f'{len(rows)} images, mean loss {mean:.4f}, of filling each hidden '
        f'cell with its own mean colour {filling:.4f}; panels and figures '
        f'are in {out}'
    )
    return figures


def stack(folders: dict[str, Path], names: list[str], out: Path) -> None:
    """Write panels that stack those of several networks below headings."""
    for name in names:
        panels = [
            (heading, np.asarray(Image.open(folder / name)))
            for heading, folder in folders.items()
        ]
        write_png(out / name, stacked_panels(panels))


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    out = Path(args.out)
    if out.is_file():
        raise ConfigError(f'--out {out} is a file; it must be a folder')
    if args.beside and args.config:
        raise ConfigError(
            '--config applies to one checkpoint; with --beside each '
            'checkpoint uses the config that it contains'
        )
    checkpoints = [args.checkpoint, *args.beside]
    # Load all networks first, so that a wrong path is reported at once.
    networks = [
        ReconstructionInferencer(args.config, path, args.device)
        for path in checkpoints
    ]
    if not args.beside:
        reconstruct(networks[0], args, out)
        return
    folders, found = {}, []
    for i, (path, infer) in enumerate(zip(checkpoints, networks), start=1):
        method = infer.model.neck.method
        shown = shown_line(str(path))
        short = '/'.join(Path(shown).parts[-2:])
        print(f'{method}, {shown}')
        folder = out / f'{i}_{method.lower()}'
        folders[f'{i}. {method}, {short}'] = folder
        found.append(reconstruct(infer, args, folder))
    names = [row['panel'] for _, row in sorted(found[0].items())]
    stack(folders, names, out)
    print(f'panels of all {len(found)} networks are in {out}')
