"""Candidates for training steps: ours in several ways, mmpretrain's MixMIM."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from benchmarks.candidate import Candidate, CandidateError, Figures
from benchmarks.method_models import (
    ARCHS,
    decoder_of,
    model_config,
    window_sizes,
)
from benchmarks.training_step import DTYPES, TrainingStep
from mixmae.profiling.flops import training_flops
from mixmae.registry import MODELS

OURS = 'benchmarks.method_models:build'
THEIRS = 'benchmarks.mmpretrain_mixmim:build'
METHODS = ('mixmae', 'um-mae', 'simmim')
NAMES = {'mini': 'mini', **{str(ARCHS[x]): x for x in 'tsblh'}}
# The toolbox without its fast paths.
KEPT = {'with_cp': False}
PLAIN = {'sort_groups': False, 'scores': 'kept', **KEPT}
BATCHES = (8, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536)


def add_step_arguments(parser: argparse.ArgumentParser) -> None:
    """Add options for the step and the device."""
    add = parser.add_argument_group('what is measured').add_argument
    cuda = torch.cuda.is_available()
    cores = len(os.sched_getaffinity(0))
    add('--method', default='mixmae', choices=METHODS)
    add('--arch', default='base' if cuda else 'mini', choices=NAMES)
    add('--img-size', type=int, help='default: 224, mini 128, UM-MAE 256')
    add('--batch', type=batch_size, help="images, or 'best' (GPU's default)")
    add('--device', default='cuda' if cuda else 'cpu')
    add('--dtype', choices=sorted(DTYPES), help='GPU: bfloat16, else float32')
    add('--threads', type=int, default=cores, help='of the CPU')


def batch_size(text: str) -> int | str:
    """A number, or 'best'.

    Raises:
        ValueError: neither.
    """
    return text if text == 'best' else int(text)


def complete_step_arguments(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Fills in what was left open; ends in one line if it makes no sense."""
    gpu = args.device.startswith('cuda')
    if gpu and not torch.cuda.is_available():
        parser.error('--device cuda: there is no GPU that torch can use')
    if args.img_size is None:
        usual = 224 if args.method == 'mixmae' else 256
        args.img_size = 128 if args.arch == 'mini' else usual
    step = 32 if args.method == 'mixmae' else 64
    if args.img_size < 64 or args.img_size % step:
        parser.error(f'--img-size {args.img_size} is no multiple of {step}')
    args.batch = args.batch or ('best' if gpu else 8)
    if args.batch == 'best' and not gpu:
        parser.error(
            '--batch best looks for the limit of a GPU; give a number'
        )
    if getattr(args, 'compiled', False) is None:
        args.compiled = gpu
    args.dtype = args.dtype or ('bfloat16' if gpu else 'float32')
    for name in ('batch', 'threads', 'steps'):
        value = getattr(args, name, 1)
        if value != 'best' and value < 1:
            parser.error(f'--{name} must be at least 1')
    if gpu and getattr(args, 'clock', 'wall') == 'cpu':
        parser.error('--clock cpu tells nothing about --device cuda')


def best_batch(settings: dict[str, Any]) -> Figures:
    """The batch with most images per second, of those the memory holds.

    Raises:
        torch.cuda.OutOfMemoryError: it holds not even the first.
    """
    trainer = TrainingStep({**settings, 'batch': 1})
    speeds: dict[int, float] = {}
    for batch in settings['batches']:
        try:
            trainer.images = trainer.random_images(batch)
            trainer.seconds(2)
            speeds[batch] = batch / median(trainer.seconds(4))
        except torch.cuda.OutOfMemoryError:
            if not speeds:
                raise
            break
        # Half of the best: it will not come back.
        if speeds[batch] < 0.5 * max(speeds.values()):
            break
    return dict(
        batch=max(speeds, key=lambda batch: speeds[batch]), tried=speeds
    )


def candidates(args: argparse.Namespace) -> list[Candidate]:
    """Candidates, the reference of the comparison first."""
    letter = NAMES[args.arch]
    backbone = f'swin-{letter}'
    size = args.img_size
    model = dict(method=args.method, backbone=backbone, img_size=size)
    common = dict(
        img_size=size,
        device=args.device,
        dtype=args.dtype,
        seed=args.seed,
        threads=args.threads,
        clock=args.clock,
        warmup=args.warmup,
        steps=args.steps,
        batch=args.batch,
        flops_per_image=flops_per_image(args.method, backbone, size),
    )
    ours = {**common, 'build': OURS}
    found: dict[str, dict] = {}
    if args.method == 'mixmae':
        theirs = dict(
            arch=ARCHS[letter],
            img_size=size,
            window_sizes=window_sizes(size),
            decoder=decoder_of('mixmae', backbone),
        )
        found['mmpretrain'] = {**common, 'build': THEIRS, 'model': theirs}
        plain = {**model, 'changes': PLAIN, 'decoder_changes': KEPT}
        found['plain'] = {**ours, 'model': plain}
    found['fast'] = {**ours, 'model': model}
    if args.compiled:
        found['compiled'] = {**found['fast'], 'compile': 'loss'}
        found['blocks'] = {**found['fast'], 'compile': 'blocks'}
    threads = {'OMP_NUM_THREADS': str(args.threads)}
    return [
        Candidate(name, 'benchmarks.step_figures:measure', settings, threads)
        for name, settings in found.items()
    ]


def flops_per_image(method: str, backbone: str, size: int) -> float:
    """Operations of a training step that the plain network needs."""
    with torch.device('meta'):
        model = MODELS.build(model_config(method, backbone, size))
    return training_flops(model, (3, size, size))


def with_best_batch(
    found: list[Candidate],
    errors: dict[str, str],
    seconds_left: Callable[[], float | None],
) -> list[Candidate]:
    """The same, each with its own best batch.

    Compiled candidates use the batch size of 'fast'.
    """
    batches: dict[str, int] = {}
    for one in found:
        if one.settings.get('compile'):
            continue
        settings = {**one.settings, 'batches': BATCHES}
        searcher = Candidate(
            one.name,
            'benchmarks.step_candidates:best_batch',
            settings,
            one.environment,
        )
        try:
            answer = searcher.measure(seconds_left())
        except CandidateError as error:
            errors[one.name] = f'no best batch: {error}'
            continue
        batches[one.name] = answer['batch']
        print_tried(one.name, answer['tried'])
    return [
        Candidate(
            one.name,
            one.entry,
            {
                **one.settings,
                'batch': batches.get(one.name, batches.get('fast', 32)),
            },
            one.environment,
        )
        for one in found
    ]


def print_tried(name: str, tried: dict[str, float]) -> None:
    """Figures of the search for the best batch."""
    speeds = ', '.join(f'{k}: {v:.0f}' for k, v in tried.items())
    print(f'{name}: img/s by batch {speeds}', file=sys.stderr, flush=True)
