"""What crops lose when images are made smaller before they are packed.

    python -m benchmarks.shrinking --data FOLDER [--short-side 256 320 384]

The same crops, of 20 to 100 % of an image, are taken from each image as it is
and from what ``pack.py --short-side N --quality Q`` makes of it; both are
resized by Pillow's bicubic filter to the size of the network. Given is their
PSNR in dB over the images that were made smaller (mean, median, the worst
twentieth, the worst), how many were, and the bytes of all.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy import ndarray
from PIL import Image

from mixmae.checkpoints.whole_file import whole_file
from mixmae.datasets.crop_box import CropBox, CropRange
from mixmae.datasets.image_file import read_image
from mixmae.datasets.shards.pack_source import read_source
from mixmae.datasets.shards.shrinking import QUALITY, shrink
from mixmae.engine.command_line import run_tool
from mixmae.engine.surroundings import surroundings

# Of MixMAE's recipe.
CROPS = CropRange((0.2, 1.0), (3 / 4, 4 / 3), 10)
TITLES = ('short side', 'quality', 'kB/img', 'smaller', 'PSNR dB', 'median',
          'worst 5 %', 'worst')  # fmt: skip


class Loss(NamedTuple):
    """What one way to pack costs; see the head of this file."""

    short_side: int
    quality: int
    kilobytes: float
    shrunk: float
    mean: float
    median: float
    twentieth: float
    worst: float


def measure(
    paths: list[str], short_side: int, quality: int, size: int, seed: int
) -> Loss:
    """Packs every image, and compares a crop of it."""
    found, total = [], 0
    for number, path in enumerate(paths):
        result = shrink(path, short_side, quality)
        total += len(result.data)
        if not result.shrunk:
            continue
        before = read_image(path).pixels
        after = read_image(path, content=result.data).pixels
        np.random.seed([seed, number])
        box = CROPS.draw(*before.shape[:2])
        exact = crop(before, box, before.shape, size)
        error = exact - crop(after, box, before.shape, size)
        found.append(
            10 * math.log10(255**2 / max(np.square(error).mean(), 1e-6))
        )
    if not found:
        raise ValueError(
            f'no image has a short side above {short_side} pixels; choose '
            f'smaller ones by --short-side'
        )
    return Loss(
        short_side,
        quality,
        total / len(paths) / 1e3,
        len(found) / len(paths),
        float(np.mean(found)),
        float(np.median(found)),
        float(np.percentile(found, 5)),
        min(found),
    )


def crop(
    pixels: ndarray, box: CropBox, whole: tuple[int, ...], size: int
) -> ndarray:
    """A crop of an image of the shape ``whole``, which pixels may be fewer."""
    down, right = pixels.shape[0] / whole[0], pixels.shape[1] / whole[1]
    part = (
        box.left * right,
        box.top * down,
        (box.left + box.width) * right,
        (box.top + box.height) * down,
    )
    image = Image.fromarray(np.ascontiguousarray(pixels))
    resized = image.resize((size, size), Image.Resampling.BICUBIC, box=part)
    return np.asarray(resized, float)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--data', required=True, metavar='FOLDER', help='of images')
    add('--short-side', type=int, nargs='+', default=[224, 256, 320, 384])
    add('--quality', type=int, nargs='+', default=[QUALITY])
    add('--size', type=int, default=224, help='of crops, in pixels')
    add('--seed', type=int, default=0)
    add('--out', type=Path, help='JSON file to write')
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    source = read_source(args.data, with_labels=False)
    paths = [str(Path(source.folder, name)) for name in source.names]
    losses = []
    print('  '.join(TITLES), flush=True)
    for side in args.short_side:
        for quality in args.quality:
            loss = measure(paths, side, quality, args.size, args.seed)
            losses.append(loss)
            cells = [
                f'{value:.2f}' if title == 'smaller' else
                f'{value:.1f}' if isinstance(value, float) else f'{value}'
                for title, value in zip(TITLES, loss)
            ]  # fmt: skip
            rows = zip(cells, TITLES)
            print('  '.join(c.rjust(len(t)) for c, t in rows), flush=True)
    if args.out is not None:
        content = dict(
            images=len(paths),
            size=args.size,
            seed=args.seed,
            losses=[loss._asdict() for loss in losses],
            surroundings=surroundings(),
        )
        with whole_file(args.out) as partial:
            partial.write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    run_tool(main)
