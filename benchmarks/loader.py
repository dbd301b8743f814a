"""Images per second that one core prepares for pretraining.

    python -m benchmarks.loader --data FOLDER [--size 224] [--short-side 256]
    python -m benchmarks.loader                 (on generated pictures)

Every candidate reads, decodes, crops, resizes, flips and packs all images of
a folder, in one process with one thread, batch by batch as in a worker of
torch's loader. Time is CPU time, which a busy machine hardly changes. A crop
takes 20 to 100 % of an image.

- mmpretrain: LoadImageFromFile, RandomResizedCrop(pillow, bicubic),
  RandomFlip, PackInputs;
- exact, fast: ours; both seed each sample and leave flips to the device;
- fast-pillow: ours where simplejpeg is not installed;
- shards: ours, of the same bytes packed by ``mixmae pack``; shards-N: of
  images that were reduced to a shorter side of N pixels when packed.

PSNR is that of crops against the exact ones of the same source, in dB: mean
and worst; 99 where they are equal.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.candidate import Candidate, Figures
from benchmarks.comparison import (
    Comparison,
    benchmark_parser,
    parse_comparison,
    require_at_least,
)
from benchmarks.figure_table import Column
from benchmarks.photographs import photograph
from mixmae.cli.command_line import run_tool
from mixmae.data_tools.packing.pack_settings import PackSettings
from mixmae.data_tools.packing.pack_source import read_source
from mixmae.data_tools.packing.packing import pack
from mixmae.datasets.images import jpeg_decoder
from mixmae.datasets.samplers.resumable_samplers import (
    SampleIndex,
    seed_generators,
)
from mixmae.registry import DATASETS

# PSNR of equal images, in dB.
EQUAL = 99.0
# Images of a batch, and of the warm-up.
BATCH = 64
WARM_UP = 2 * BATCH
# Number of crops that are compared with the exact ones.
COMPARED = 64
COLUMNS = [
    Column('images_per_second', 'img/s', digits=0, spread=True, ratio=True),
    Column('micros', 'us/img', digits=0),
    Column('kilobytes', 'kB/img', digits=0),
    Column('psnr_mean', 'PSNR dB', digits=1),
    Column('psnr_min', 'worst', digits=1),
]


def measure(settings: dict[str, Any]) -> Figures:
    """Load a data set in this process, on one core."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if settings['without_simplejpeg']:
        jpeg_decoder.simplejpeg = None
    seed, passes = settings['seed'], settings['passes']
    dataset = DATASETS.build(settings['dataset'])
    count = len(dataset)
    # Also allocates the memory of a batch.
    for first in range(0, min(count, WARM_UP), BATCH):
        load_batch(dataset, first, seed, passes)
    start = time.process_time()
    for epoch in range(passes):
        for first in range(0, count, BATCH):
            load_batch(dataset, first, seed, epoch)
    seconds = (time.process_time() - start) / (passes * count)
    found = fidelity(dataset, settings)
    return dict(
        images=count,
        images_per_second=1 / seconds,
        micros=1e6 * seconds,
        kilobytes=settings['bytes'] / count / 1e3,
        psnr_mean=float(np.mean(found)),
        psnr_min=min(found),
    )


def load_batch(dataset: Any, first: int, seed: int, epoch: int) -> None:
    """Load the batch that begins with an image, as torch's loaders do."""
    indices = range(first, min(first + BATCH, len(dataset)))
    dataset.__getitems__(
        [SampleIndex(index, seed, epoch) for index in indices]
    )


def fidelity(dataset: Any, settings: dict[str, Any]) -> list[float]:
    """Return the PSNR in dB of crops against exact ones of the same source."""
    exact = DATASETS.build(
        {**settings['dataset'], 'pipeline': ours(settings['size'], True)}
    )
    step = max(1, len(dataset) // COMPARED)
    found = []
    for index in range(0, len(dataset), step):
        sample = SampleIndex(index, settings['seed'], 0)
        # mmpretrain's pipeline does not seed itself.
        seed_generators(sample.seed, sample.epoch, index)
        crop, wanted = dataset[sample]['inputs'], exact[sample]['inputs']
        mean = (crop.double() - wanted.double()).square().mean().item()
        found.append(10 * math.log10(255**2 / mean) if mean else EQUAL)
    return found


def ours(size: int, exact: bool = False) -> list[dict]:
    """Return the pipeline of our pretraining configs."""
    crop = dict(type='LoadRandomResizedCrop', exact=exact, **view(size))
    return [
        dict(type='SeedSample'),
        crop,
        dict(type='DrawFlip', prob=0.5),
        dict(type='PackImage'),
    ]


def theirs(size: int) -> list[dict]:
    """Return the same pipeline of mmpretrain's transforms."""
    crop = dict(type='mmpretrain.RandomResizedCrop', **view(size))
    return [
        dict(type='mmpretrain.LoadImageFromFile'),
        dict(crop, backend='pillow'),
        dict(type='mmpretrain.RandomFlip', prob=0.5),
        dict(type='mmpretrain.PackInputs'),
    ]


def view(size: int) -> dict[str, Any]:
    """Return the crop of MixMAE's recipe."""
    return dict(
        scale=size, crop_ratio_range=(0.2, 1.0), interpolation='bicubic'
    )


def candidates(args: argparse.Namespace, folder: Path) -> list[Candidate]:
    """Return all candidates; shards are written to ``folder``."""
    files = args.data
    if files is None:
        files = generated(folder / 'generated', args.images, args.seed)
    source = dict(
        type='UnlabeledImageFolder',
        data_root=str(files),
        suffixes=('.jpg', '.jpeg', '.png', '.webp'),
        listing_cache=False,
    )
    found = {
        'mmpretrain': dict(source, pipeline=theirs(args.size)),
        'exact': dict(source, pipeline=ours(args.size, True)),
        'fast': dict(source, pipeline=ours(args.size)),
        'fast-pillow': dict(source, pipeline=ours(args.size)),
    }
    for side in (None, *args.short_side):
        name = 'shards' if side is None else f'shards-{side}'
        shards = folder / name
        settings = PackSettings(short_side=side, quality=args.quality)
        pack(read_source(str(files)), shards, settings)
        found[name] = dict(
            type='PackedImages',
            data_root=str(shards),
            pipeline=ours(args.size),
        )
    return [
        Candidate(
            name,
            measure,
            dict(
                dataset=dataset,
                bytes=size_of(Path(str(dataset['data_root']))),
                size=args.size,
                passes=args.passes,
                seed=args.seed,
                without_simplejpeg=name == 'fast-pillow',
            ),
            {'OMP_NUM_THREADS': '1'},
        )
        for name, dataset in found.items()
    ]


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    files = (path for path in folder.rglob('*') if path.is_file())
    return sum(path.stat().st_size for path in files)


def generated(folder: Path, count: int, seed: int) -> Path:
    """Write pictures of ImageNet's usual size to a folder."""
    folder.mkdir(parents=True)
    for index in range(count):
        image = Image.fromarray(photograph(375, 500, seed + index))
        name = folder / f'{index:04d}.jpg'
        image.save(name, quality=95, subsampling=2 * (index % 4 == 0))
    return folder


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = benchmark_parser(__doc__)
    add = parser.add_argument_group('what is loaded').add_argument
    add('--data', type=Path, metavar='FOLDER', help='of images')
    add('--images', type=int, default=64, help='generated without --data')
    add('--size', type=int, default=224, help='of crops, in pixels')
    add('--passes', type=int, default=4, help='over the images, per process')
    add(
        '--short-side',
        type=int,
        nargs='*',
        default=[256],
        metavar='PIXELS',
        help='of the images in shards-PIXELS (default 256)',
    )
    add('--quality', type=int, default=92, help='of the JPEGs in these')
    args = parse_comparison(parser)
    require_at_least(parser, args, images=1, size=1, passes=1)
    if args.data is not None and not args.data.is_dir():
        parser.error(f'--data {args.data}: no such folder')
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Comparison(candidates(args, Path(folder)), args).report(COLUMNS)


if __name__ == '__main__':
    run_tool(main)
