"""Time of a training step: ours and mmpretrain's MixMIM.

    python -m benchmarks.step [--arch mini] [--batch 8] [--dtype bfloat16]
    python -m benchmarks.step --arch base --device cuda --batch best

A step is preprocessing of images that are on the device, forward, loss,
backward and AdamW, the same for all. Candidates: 'fast' is what the toolbox
does by default, 'plain' is the same without its fast paths, 'compiled' is
'fast' under ``torch.compile`` as one graph, 'blocks' block by block;
'mmpretrain' is the same network there. MFU is the rate of the FLOPs that the
plain network needs, as a share of the rate of matrix products, which is
measured in the same process.
"""

from __future__ import annotations

import argparse

from benchmarks.comparison import (
    Comparison,
    benchmark_parser,
    parse_comparison,
)
from benchmarks.figure_table import Column
from benchmarks.step_candidates import (
    add_step_arguments,
    candidates,
    complete_step_arguments,
    set_best_batches,
)
from benchmarks.training_step import CLOCKS
from mixmae.cli.command_line import run_tool


def columns(args: argparse.Namespace) -> list[Column]:
    """Compare times and peaks only at equal batch sizes."""
    equal = args.batch != 'best'
    return [
        Column('images_per_second', 'img/s', spread=True, ratio=True),
        Column('step_seconds', 'ms/step', unit=1e-3, digits=1, ratio=equal),
        Column('mfu', 'MFU %', unit=1e-2, digits=1),
        Column('batch', 'batch', digits=0),
        Column('peak_bytes', 'peak MB', unit=1e6, digits=0, ratio=equal),
        Column('warmup_seconds', 'warm-up s', digits=1),
    ]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = benchmark_parser(__doc__)
    add_step_arguments(parser)
    add = parser.add_argument_group('steps').add_argument
    add('--steps', type=int, help='timed, per process (default: 5, GPU 30)')
    add('--warmup', type=int, help='before those (default: 2, GPU 10)')
    add('--clock', default='wall', choices=sorted(CLOCKS))
    add(
        '--compiled',
        action=argparse.BooleanOptionalAction,
        help='torch.compile too (default: on a GPU; minutes on a CPU)',
    )
    args = parse_comparison(parser)
    gpu = args.device.startswith('cuda')
    args.steps = (30 if gpu else 5) if args.steps is None else args.steps
    args.warmup = (10 if gpu else 2) if args.warmup is None else args.warmup
    complete_step_arguments(parser, args)
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    comparison = Comparison(candidates(args), args)
    if args.batch == 'best':
        set_best_batches(comparison)
    comparison.report(columns(args))


if __name__ == '__main__':
    run_tool(main)
