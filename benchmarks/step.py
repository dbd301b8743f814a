"""How long a training step takes: ours, and mmpretrain's MixMIM.

    python -m benchmarks.step [--arch mini] [--batch 8] [--dtype bfloat16]
    python -m benchmarks.step --arch base --device cuda --batch best

A step is preprocessing of images that are on the device, forward, loss,
backward and AdamW, the same for all. Candidates: 'fast' is what the toolbox
does by itself, 'plain' is the same without its fast paths, 'compiled' is
'fast' under ``torch.compile`` as one graph, 'blocks' block by block;
'mmpretrain' is the same network there. MFU is the share of the rate of matrix
products, measured in the same process, at which the FLOPs are done that the
plain network needs.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

import torch

from benchmarks.candidate import Figures
from benchmarks.comparison import (
    Comparison,
    add_comparison_arguments,
    check_comparison_arguments,
)
from benchmarks.figure_table import Column
from benchmarks.roofline import BYTES_PER_PARAMETER, Roofline, memory_rate
from benchmarks.step_candidates import (
    add_step_arguments,
    candidates,
    complete_step_arguments,
    with_best_batch,
)
from benchmarks.training_step import CLOCKS, TrainingStep
from mixmae.cli.command_line import run_tool
from mixmae.profiling.throughput import measure_peak_flops

ROOFLINE = [
    Column('flops_per_step', 'TFLOP', unit=1e12, digits=3),
    Column('flops_seconds', 'at the rate, ms', unit=1e-3, digits=1),
    Column('least_bytes', 'least GB', unit=1e9, digits=2),
    Column('bytes_seconds', 'at bandwidth, ms', unit=1e-3, digits=1),
    Column('floor_seconds', 'floor, ms', unit=1e-3, digits=1),
    Column('moved_bytes', 'eager GB', unit=1e9, digits=2),
    Column('predicted_seconds', 'eager, ms', unit=1e-3, digits=1),
    Column('step_seconds', 'measured, ms', unit=1e-3, digits=1),
    Column('times_floor', 'x floor'),
    Column('times_predicted', 'x eager'),
]


def measure(settings: dict[str, Any]) -> Figures:
    """Steps of one candidate in this process."""
    trainer = TrainingStep(settings)
    start = time.perf_counter()
    trainer.seconds(settings['warmup'])
    warm = time.perf_counter() - start
    seconds = trainer.seconds(settings['steps'])
    peak = trainer.peak_bytes()
    middle = median(seconds)
    batch = settings['batch']
    speed = batch / middle
    # After the step: the processor is as warm as it was.
    rate = measure_peak_flops(trainer.device, trainer.dtype)
    bandwidth = memory_rate(trainer.device)
    flops = settings['flops_per_image']
    found: Figures = dict(
        batch=batch,
        images_per_second=speed,
        step_seconds=middle,
        all_step_seconds=seconds,
        warmup_seconds=warm,
        peak_bytes=peak,
        parameters=trainer.parameters(),
        flops_per_image=flops,
        measure_peak_flops=rate,
        memory_rate=bandwidth,
        mfu=speed * flops / rate,
    )
    if settings['roofline']:
        # The best batch may leave no room for it.
        with contextlib.suppress(torch.cuda.OutOfMemoryError):
            found.update(roofline(trainer, found))
    found['loss'] = float(trainer.step())
    return found


def roofline(trainer: TrainingStep, found: Mapping[str, Any]) -> Figures:
    """The two numbers, what they predict, and what came of it.

    The floor is the larger of the plain network's FLOPs at the measured rate
    of products, and the least bytes at the measured bandwidth: what autograd
    saves, written and read once, and the weights' share. 'Eager' adds up each
    operation by itself, as this candidate executes them.
    """
    saved = trainer.saved(trainer.images).total
    least = 2 * saved + BYTES_PER_PARAMETER * found['parameters']
    flops = found['flops_per_image'] * found['batch']
    rate, bandwidth = found['measure_peak_flops'], found['memory_rate']
    floor = max(flops / rate, least / bandwidth)
    measured = found['step_seconds']
    figures: Figures = dict(
        saved_bytes_per_image=saved / found['batch'],
        flops_per_step=flops,
        flops_seconds=flops / rate,
        least_bytes=least,
        bytes_seconds=least / bandwidth,
        floor_seconds=floor,
        times_floor=measured / floor,
    )
    if not trainer.compiled:
        with Roofline(rate, bandwidth) as eager:
            trainer.step()
        slowest = sorted(eager.by_operation.items(), key=lambda x: -x[1])
        figures.update(
            executed_flops=eager.flops,
            moved_bytes=eager.moved,
            predicted_seconds=eager.seconds,
            times_predicted=measured / eager.seconds,
            predicted_by_operation=dict(slowest[:12]),
        )
    return figures


def columns(args: argparse.Namespace) -> list[Column]:
    """Steps and peaks are compared at equal batches alone."""
    equal = args.batch != 'best'
    return [
        Column('images_per_second', 'img/s', spread=True, ratio=True),
        Column('step_seconds', 'ms/step', unit=1e-3, digits=1, ratio=equal),
        Column('mfu', 'MFU %', unit=1e-2, digits=1),
        Column('batch', 'batch', digits=0),
        Column('peak_bytes', 'peak MB', unit=1e6, digits=0, ratio=equal),
        Column('saved_bytes_per_image', 'saved MB/img', unit=1e6, digits=1),
        Column('warmup_seconds', 'warm-up s', digits=1),
    ]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__.split('\n\n', 1)[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
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
    add('--no-roofline', dest='roofline', action='store_false')
    add_comparison_arguments(parser)
    args = parser.parse_args()
    gpu = args.device.startswith('cuda')
    args.steps = (30 if gpu else 5) if args.steps is None else args.steps
    args.warmup = (10 if gpu else 2) if args.warmup is None else args.warmup
    complete_step_arguments(parser, args)
    check_comparison_arguments(parser, args)
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    comparison = Comparison(candidates(args), args)
    if args.batch == 'best':
        comparison.candidates = with_best_batch(
            comparison.candidates, comparison.errors, comparison.seconds_left
        )
    comparison.run()
    print(comparison.table(columns(args)))
    if args.roofline:
        print('\n' + comparison.table(ROOFLINE))
    comparison.require_figures()


if __name__ == '__main__':
    run_tool(main)
