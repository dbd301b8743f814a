"""Scaling of a training step with ranks, pixels, images and windows.

    python -m benchmarks.scaling [--axes ranks size batch window]
        [--backbone swin-mini] [--rounds 3] [--out FILE.json]

Weak scaling: each rank has the same batch on a device (or core) of its own.
Without communication a step of several ranks takes as long as that of one.
Measured with DDP and with FSDP; without GPUs over gloo, one thread per rank.

Cost: the time per image against pixels, with windows of one size, is
proportional if the exponent, fitted over all sizes, is 1. It is smaller where
the fixed cost of a step, mostly the optimizer, is not small. The same for the
batch (time per step) and for the side of the windows: attention is quadratic
in it, everything else is independent of it. Beside each exponent stands that
of the model FLOPs (``mixmae.profiling.flops``).
"""

from __future__ import annotations

import argparse
import math
import socket
import statistics
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, distributed, multiprocessing

from benchmarks.candidate import Candidate, Figures
from benchmarks.comparison import (
    Comparison,
    benchmark_parser,
    parse_comparison,
)
from benchmarks.figure_table import Column
from benchmarks.step_candidates import OURS
from benchmarks.training_step import CLOCKS, DTYPES, TrainingStep, adamw
from mixmae.cli.command_line import run_tool
from mixmae.engine.fsdp2 import own_part
from mixmae.profiling.flops import training_flops
from mixmae.registry import MODEL_WRAPPERS

AXES = ('ranks', 'size', 'batch', 'window')
WRAPPERS: dict[str, dict[str, Any]] = dict(
    ddp=dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        gradient_as_bucket_view=True,
    ),
    fsdp=dict(type='FullyShardedModel'),
)
COLUMNS = [
    Column('step', 'ms/step', unit=1e-3, digits=1, spread=True, ratio=True),
    Column('images_per_second', 'img/s, all ranks', digits=1),
    Column('nanoseconds_per_pixel', 'ns/pixel', digits=1),
    Column('flops', 'GFLOP/step', unit=1e9, digits=1),
    Column('state_bytes', 'MB of parameters and states', unit=1e6, digits=1),
]


class RankStep(TrainingStep):
    """A step of one of several ranks.

    Args:
        settings: Those of ``TrainingStep``, and ``wrapper``: a key of
            ``WRAPPERS``, or None for a single rank.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        # Before FSDP shards the parameters.
        side = settings['img_size']
        flops = training_flops(self.model, (3, side, side))
        self.flops = flops * settings['batch']
        if settings['wrapper'] is None:
            return
        wrapped = MODEL_WRAPPERS.build(
            {**WRAPPERS[settings['wrapper']], 'module': self.model}
        )
        # FSDP replaces the parameters.
        self.optimizer = adamw(wrapped)

        def loss(images: Tensor, mask: Any) -> Any:
            return wrapped(images, mask=mask, mode='loss')

        self.loss = loss

    def state_bytes(self) -> int:
        """Bytes of this rank's parameters and optimizer states."""
        tensors: list[Any] = []
        for group in self.optimizer.param_groups:
            for one in group['params']:
                state = self.optimizer.state[one].values()
                tensors += [one.detach(), *state]
        return sum(own_part(one).nbytes for one in tensors)


def measure(settings: dict[str, Any]) -> Figures:
    """Run ``settings['ranks']`` ranks; return the figures of the first."""
    ranks = settings['ranks']
    others = [
        multiprocessing.get_context('spawn').Process(
            target=_rank, args=(rank, settings), daemon=True
        )
        for rank in range(1, ranks)
    ]
    for one in others:
        one.start()
    found = _rank(0, settings)
    for one in others:
        one.join()
    return found


def _rank(rank: int, settings: dict[str, Any]) -> Figures:
    ranks = settings['ranks']
    cuda = settings['device'] == 'cuda'
    if cuda:
        torch.cuda.set_device(rank)
    if settings['wrapper'] is not None:
        distributed.init_process_group(
            'nccl' if cuda else 'gloo',
            init_method=f'tcp://127.0.0.1:{settings["port"]}',
            rank=rank,
            world_size=ranks,
        )
    step = RankStep(settings)
    step.seconds(settings['warmup'])
    seconds = statistics.median(step.seconds(settings['steps']))
    images = settings['batch'] * ranks
    found = dict(
        step=seconds,
        images_per_second=images / seconds,
        nanoseconds_per_pixel=1e9
        * seconds
        / settings['batch']
        / settings['img_size'] ** 2,
        flops=step.flops,
        state_bytes=step.state_bytes(),
        peak_bytes=step.peak_bytes(),
    )
    if distributed.is_initialized():
        distributed.destroy_process_group()
    return found


def candidates(args: argparse.Namespace, axis: str) -> list[Candidate]:
    """Return the candidates of one axis; the first is the reference."""
    runs: dict[str, dict[str, Any]] = {}
    if axis == 'ranks':
        runs['1 rank'] = dict(ranks=1, wrapper=None)
        for count in args.ranks:
            for wrapper in WRAPPERS:
                name = f'{count} ranks, {wrapper}'
                runs[name] = dict(ranks=count, wrapper=wrapper)
    elif axis == 'size':
        runs = {f'{side} pixels': dict(img_size=side) for side in args.sizes}
    elif axis == 'batch':
        runs = {f'{count} images': dict(batch=count) for count in args.batches}
    else:
        runs = {f'{side} tokens': dict(window=side) for side in args.windows}
    return [
        Candidate(name, 'benchmarks.scaling:measure', _settings(args, changes))
        for name, changes in runs.items()
    ]


def _settings(
    args: argparse.Namespace, changes: Mapping[str, Any]
) -> dict[str, Any]:
    settings = dict(
        build=OURS,
        ranks=1,
        wrapper=None,
        window=args.window,
        **{
            key: getattr(args, key)
            for key in (
                *('img_size', 'batch', 'device', 'dtype', 'seed'),
                *('threads', 'steps', 'warmup', 'clock'),
            )
        },
    )
    settings.update(changes)
    window = settings.pop('window')
    settings['model'] = dict(
        method='mixmae',
        backbone=args.backbone,
        img_size=settings['img_size'],
        changes=dict(window_sizes=[window] * 4),
    )
    if settings['ranks'] > 1:
        settings['port'] = _free_port()
    return settings


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def exponent(sizes: list[float], costs: list[float]) -> float:
    """Return p of the best fit of constant * size^p to the costs."""
    if len(sizes) < 2:
        return math.nan
    x = [math.log(size) for size in sizes]
    y = [math.log(cost) for cost in costs]
    return statistics.linear_regression(x, y).slope


def fit(args: argparse.Namespace, axis: str, comparison: Comparison) -> str:
    """Return the summary of an axis, in one line."""
    batch = 1 if axis == 'batch' else args.batch
    found, flops = (
        {
            name: figures[key]['median'] / batch
            for name, figures in comparison.summary().items()
        }
        for key in ('step', 'flops')
    )
    if axis == 'ranks':
        alone = found.get('1 rank', math.nan)
        shares = [
            f'{name} {alone / found[name]:.2f}'
            for name in found
            if name != '1 rank'
        ]
        return f'weak scaling, of 1: {"; ".join(shares)}'
    power = 2 if axis == 'size' else 1
    sizes = [float(name.split()[0]) ** power for name in found]
    costs, counted = list(found.values()), list(flops.values())
    cost = 'step' if axis == 'batch' else 'image'
    against = {'size': 'pixels', 'batch': 'images', 'window': 'window side'}
    # Of small ones the optimizer is a larger share.
    return (
        f'time per {cost} ~ {against[axis]} ^ {exponent(sizes, costs):.2f} '
        f'(FLOPs: {exponent(sizes, counted):.2f}); between the last two '
        f'^ {exponent(sizes[-2:], costs[-2:]):.2f} '
        f'({exponent(sizes[-2:], counted[-2:]):.2f})'
    )


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = benchmark_parser(__doc__)
    add = parser.add_argument
    whole: dict[str, Any] = dict(type=int, nargs='+', metavar='N')
    add('--axes', nargs='+', choices=AXES, default=list(AXES))
    add('--backbone', default='swin-mini', help='see benchmarks.methods')
    add('--ranks', default=[2], help='more than one each', **whole)
    add('--sizes', default=[128, 192, 256, 384], help='in pixels', **whole)
    add('--batches', default=[2, 4, 8, 16], **whole)
    add('--windows', default=[4, 8, 16], help='sides in tokens', **whole)
    add('--img-size', type=int, default=256, help='on the other axes')
    add('--batch', type=int, default=4, help='of each rank, there')
    add('--window', type=int, default=4, help='side in tokens, there')
    cuda = torch.cuda.is_available()
    add('--device', default='cuda' if cuda else 'cpu')
    add('--dtype', choices=sorted(DTYPES), default='float32')
    add('--threads', type=int, default=1, help='of the CPU, of each rank')
    add(
        '--clock',
        choices=sorted(CLOCKS),
        default='wall',
        help='cpu: for a busy machine; not of ranks, which wait',
    )
    add('--steps', type=int, default=5, help='timed')
    add('--warmup', type=int, default=2, help='steps before')
    args = parse_comparison(parser, rounds=3)
    if min(args.ranks) < 2:
        parser.error('--ranks: more than one each; one alone is measured too')
    if args.device == 'cuda' and max(args.ranks) > torch.cuda.device_count():
        args.axes = [one for one in args.axes if one != 'ranks']
        print('not measured: there are fewer GPUs than --ranks')
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    axes: dict[str, Any] = {}
    measured = True
    # Written after each axis, with those before.
    out = args.out
    for axis in args.axes:
        args.out = None
        comparison = Comparison(candidates(args, axis), args)
        comparison.run()
        line = fit(args, axis, comparison)
        print(f'{axis}\n{comparison.table(COLUMNS)}\n{line}\n')
        axes[axis] = dict(comparison.content(), fit=line)
        measured = measured and any(comparison.rounds)
        args.out = out
        comparison.write(axes=axes)
    if not measured:
        sys.exit('error: on an axis nothing was measured')


if __name__ == '__main__':
    run_tool(main)
