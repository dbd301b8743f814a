"""Speed and memory of MixMAE, UM-MAE and SimMIM, side by side.

    python -m benchmarks.methods [--backbone swin-t] [--batch 8]
        [--device cuda --dtype bfloat16] [--out FILE.json]

Whole training steps (mask, forward, backward, AdamW) on random images of one
size, each method with the same network and the same number of images. Where
others take most of the processor, ``--clock cpu`` counts the process's seconds
on all its cores. Saved bytes are what autograd keeps for the backward pass:
every storage once, parameters left out.
"""

from __future__ import annotations

import argparse
import os

from benchmarks.candidate import Candidate
from benchmarks.comparison import (
    Comparison,
    benchmark_parser,
    parse_comparison,
    require_at_least,
)
from benchmarks.figure_table import Column
from benchmarks.method_models import networks
from benchmarks.step_candidates import MEASURE, OURS, check_device
from benchmarks.training_step import CLOCKS, DTYPES
from mixmae.cli.command_line import run_tool

# SimMIM, the yardstick, first.
METHODS = ('simmim', 'mixmae', 'um-mae')
MEGA = 1e6


def candidates(args: argparse.Namespace) -> list[Candidate]:
    """The methods, in the order of ``METHODS``."""
    names = (
        'img_size batch device dtype seed threads clock compile steps '
        'warmup list_saved'
    )
    common = {name: getattr(args, name) for name in names.split()}
    model = {'backbone': args.backbone, 'img_size': args.img_size}
    return [
        Candidate(
            method,
            MEASURE,
            {
                **common,
                'build': OURS,
                'model': {'method': method, **model},
                'dtypes': [args.dtype],
            },
            {'OMP_NUM_THREADS': str(args.threads)},
        )
        for method in METHODS
        if method in args.methods
    ]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = benchmark_parser(__doc__)
    add = parser.add_argument
    add('--backbone', default='swin-t', help='swin- or pvt- with t, s, b, l')
    add('--img-size', type=int, default=256, help='a multiple of 64')
    add('--batch', type=int, default=8, help='images per step')
    add('--methods', nargs='+', choices=METHODS, default=list(METHODS))
    add('--steps', type=int, default=5, help='timed steps per process')
    add('--warmup', type=int, default=2, help='steps before those')
    add('--device', default='cpu', choices=('cpu', 'cuda'))
    add('--dtype', default='float32', choices=sorted(DTYPES))
    add('--clock', default='wall', choices=sorted(CLOCKS))
    add('--threads', type=int, default=os.cpu_count(), help='of the CPU')
    add('--compile', action='store_const', const='loss', help='the loss')
    add('--list-saved', type=int, default=0, help='the largest so many')
    args = parse_comparison(parser)
    if args.img_size < 64 or args.img_size % 64:
        parser.error(f'--img-size {args.img_size} is no multiple of 64')
    require_at_least(parser, args, batch=1, steps=1, threads=1)
    # Refuses other names.
    networks(args.backbone, args.img_size)
    check_device(parser, args)
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    columns = [
        Column('images_per_second', 'img/s', spread=True, ratio=True),
        Column(f'saved_{args.dtype}', 'saved MB/img', unit=MEGA, digits=1),
        Column(f'further_{args.dtype}', 'further', unit=MEGA, digits=1),
        Column('peak_bytes', 'peak MB', unit=MEGA, digits=0),
    ]
    comparison = Comparison(candidates(args), args)
    comparison.report(columns)
    for method, figures in (comparison.rounds or [{}])[0].items():
        for kind, size in figures[f'largest_{args.dtype}']:
            print(f'{method:8} {size / args.batch / MEGA:8.2f} MB/img {kind}')


if __name__ == '__main__':
    run_tool(main)
