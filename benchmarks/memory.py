"""Memory of a training step: ours and mmpretrain's MixMIM.

    python -m benchmarks.memory [--arch mini] [--batch 4] [--steps 3]
    python -m benchmarks.memory --arch base --device cuda --batch 128

Saved bytes are what autograd keeps of a forward pass for the backward pass:
each storage once, parameters left out (``ActivationMemory``), per image of the
batch and, without what a batch keeps once (weights cast to bfloat16), per
further image. On a GPU 'held' is what the allocator says of the same. Peak
memory and time are those of whole steps in ``--dtype``: of the GPU's tensors,
or on a CPU of the process, with Python, torch and weights.

'fast' is what the toolbox does by default, 'plain' the same without its fast
paths. The backward pass of 'kept' repeats attention's scores alone, that of
'fast' norms and activations too, of 'mlp' the first map of each MLP as well,
of 'checkpointed' whole blocks (``with_cp``); 'mmpretrain-cp' is its own way.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from benchmarks.candidate import Candidate
from benchmarks.comparison import (
    Comparison,
    benchmark_parser,
    parse_comparison,
)
from benchmarks.figure_table import Column
from benchmarks.step_candidates import (
    MEASURE,
    add_step_arguments,
    candidates,
    complete_step_arguments,
)
from benchmarks.training_step import DTYPES
from mixmae.cli.command_line import run_tool

MEGA = 1e6
# What repeats more and more of a block in the backward pass.
RECOMPUTED = {'kept': False, 'mlp': 'mlp', 'checkpointed': True}
SHORT = {'bfloat16': 'bf16', 'float32': 'fp32'}


def memory_candidates(args: argparse.Namespace) -> list[Candidate]:
    """Return candidates of steps, and those that recompute."""
    found = {one.name: one.settings for one in candidates(args)}
    for name, with_cp in RECOMPUTED.items():
        changes = {'with_cp': with_cp}
        found[name] = _with_model(
            found['fast'], changes=changes, decoder_changes=changes
        )
    if 'mmpretrain' in found:
        found['mmpretrain-cp'] = _with_model(found['mmpretrain'], with_cp=True)
    counted = dict(
        dtypes=args.dtypes, list_saved=args.list_saved, flops_per_image=None
    )
    threads = {'OMP_NUM_THREADS': str(args.threads)}
    return [
        Candidate(name, MEASURE, {**settings, **counted}, threads)
        for name, settings in found.items()
    ]


def _with_model(settings: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return settings with changes of those of the model."""
    return {**settings, 'model': {**settings['model'], **changes}}


def columns(args: argparse.Namespace) -> list[Column]:
    """Return the columns that have figures."""
    found = []
    for name in args.dtypes:
        kinds = [('saved', 'saved MB/img', True)]
        kinds += [('further', 'further', True)] * (args.batch > 1)
        kinds += [('held', 'held', False)] * args.device.startswith('cuda')
        for kind, title, ratio in kinds:
            title = f'{SHORT[name]} {title}'
            key = f'{kind}_{name}'
            found.append(Column(key, title, MEGA, digits=1, ratio=ratio))
    return [
        *found,
        Column('peak_bytes', 'peak MB', MEGA, digits=0, ratio=True),
        Column('step_seconds', 'ms/step', 1e-3, digits=1, ratio=True),
    ]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = benchmark_parser(__doc__)
    add_step_arguments(parser)
    add = parser.add_argument_group('what is counted').add_argument
    add('--dtypes', nargs='+', choices=sorted(DTYPES), default=sorted(DTYPES))
    add('--steps', type=int, default=3, help='timed, per process')
    add('--list-saved', type=int, default=0, help='the largest so many')
    parser.set_defaults(batch=4, compiled=False, clock='wall', warmup=1)
    args = parse_comparison(parser, rounds=3)
    complete_step_arguments(parser, args)
    if args.batch == 'best':
        parser.error('--batch best: memory is compared at one batch')
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    comparison = Comparison(memory_candidates(args), args)
    comparison.report(columns(args))
    for candidate, figures in (comparison.rounds or [{}])[0].items():
        for name in args.dtypes:
            for kind, size in figures[f'largest_{name}']:
                size /= args.batch * MEGA
                print(f'{candidate:12} {SHORT[name]} {size:8.2f} MB {kind}')


if __name__ == '__main__':
    run_tool(main)
