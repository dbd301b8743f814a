"""Candidates for training steps: ours in several ways, mmpretrain's MixMIM."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from statistics import median
from typing import Any

import torch

from benchmarks.candidate import Candidate, CandidateError, Figures
from benchmarks.comparison import Comparison, require_at_least, say
from benchmarks.method_models import (
    ARCHS,
    decoder_of,
    model_config,
    window_sizes,
)
from benchmarks.training_step import DTYPES, TrainingStep
from mixmae.profiling.flops import training_flops
from mixmae.registry import MODELS

MEASURE = 'benchmarks.step_figures:measure'
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
    """Set what was not given; exit with one line if options disagree."""
    gpu = args.device.startswith('cuda')
    check_device(parser, args)
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
    if args.compiled is None:
        args.compiled = gpu
    args.dtype = args.dtype or ('bfloat16' if gpu else 'float32')
    require_at_least(parser, args, threads=1, steps=1)
    if args.batch != 'best':
        require_at_least(parser, args, batch=1)


def check_device(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> None:
    """Exit with one line without a GPU, or with a clock that is not its."""
    if not args.device.startswith('cuda'):
        return
    if not torch.cuda.is_available():
        parser.error('--device cuda: there is no GPU that torch can use')
    if args.clock == 'cpu':
        parser.error('--clock cpu tells nothing about --device cuda')


def best_batch(settings: dict[str, Any]) -> Figures:
    """Return the batch size with the most images per second.

    Raises:
        torch.cuda.OutOfMemoryError: Not even the smallest fits.
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
        # Below half of the best, larger batches are not faster again.
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
        Candidate(name, MEASURE, settings, threads)
        for name, settings in found.items()
    ]


def flops_per_image(method: str, backbone: str, size: int) -> float:
    """Return the FLOPs of a training step of the plain network."""
    with torch.device('meta'):
        model = MODELS.build(model_config(method, backbone, size))
    return training_flops(model, (3, size, size))


def set_best_batches(comparison: Comparison) -> None:
    """Give each candidate of a comparison its own best batch size.

    Compiled candidates use that of 'fast'.
    """
    batches: dict[str, int] = {}
    for one in comparison.candidates:
        if one.settings.get('compile'):
            continue
        search = replace(
            one,
            entry='benchmarks.step_candidates:best_batch',
            settings={**one.settings, 'batches': BATCHES},
        )
        try:
            found = search.measure(comparison.seconds_left())
        except CandidateError as error:
            comparison.errors[one.name] = f'no best batch: {error}'
            continue
        batches[one.name] = found['batch']
        speeds = ', '.join(f'{k}: {v:.0f}' for k, v in found['tried'].items())
        say(f'{one.name}: img/s by batch {speeds}')
    usual = batches.get('fast', 32)
    comparison.candidates = [
        replace(
            one,
            settings={**one.settings, 'batch': batches.get(one.name, usual)},
        )
        for one in comparison.candidates
    ]
