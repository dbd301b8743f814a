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

import torch

from benchmarks.candidate import Candidate
from benchmarks.comparison import (
    Comparison,
    add_comparison_arguments,
    check_comparison_arguments,
)
from benchmarks.figure_table import Column
from benchmarks.method_models import networks
from benchmarks.training_step import CLOCKS, DTYPES
from mixmae.cli.command_line import run_tool

BUILD = 'benchmarks.method_models:build'
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
    threads = {'OMP_NUM_THREADS': str(args.threads)}
    found = []
    for method in METHODS:
        if method not in args.methods:
            continue
        model = dict(
            method=method, backbone=args.backbone, img_size=args.img_size
        )
        settings = {
            **common,
            'build': BUILD,
            'model': model,
            'dtypes': [args.dtype],
        }
        entry = 'benchmarks.step_figures:measure'
        found.append(Candidate(method, entry, settings, threads))
    return found


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
    add('--compile', action='store_true', help='compile the loss')
    add('--list-saved', type=int, default=0, help='the largest so many')
    add_comparison_arguments(parser)
    args = parser.parse_args()
    check_comparison_arguments(parser, args)
    if args.img_size < 64 or args.img_size % 64:
        parser.error(f'--img-size {args.img_size} is no multiple of 64')
    for name in ('batch', 'steps', 'threads'):
        if getattr(args, name) < 1:
            parser.error(f'--{name} must be at least 1')
    networks(args.backbone, args.img_size)
    if args.device == 'cuda' and args.clock == 'cpu':
        parser.error('--clock cpu tells nothing about --device cuda')
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.error('--device cuda: there is no GPU that torch can use')
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    comparison = Comparison(candidates(args), args)
    comparison.run()
    columns = [
        Column('images_per_second', 'img/s', spread=True, ratio=True),
        Column(f'saved_{args.dtype}', 'saved MB/img', unit=MEGA, digits=1),
        Column(f'further_{args.dtype}', 'further', unit=MEGA, digits=1),
        Column('peak_bytes', 'peak MB', unit=MEGA, digits=0),
    ]
    print(comparison.table(columns))
    comparison.require_figures()
    for method, figures in (comparison.rounds or [{}])[0].items():
        for kind, size in figures[f'largest_{args.dtype}']:
            print(f'{method:8} {size / args.batch / MEGA:8.2f} MB/img {kind}')


if __name__ == '__main__':
    run_tool(main)
