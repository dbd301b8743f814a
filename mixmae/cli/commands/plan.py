"""The command ``plan``: estimate time, memory and data of a run."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mixmae.cli.command_line import (
    CommandParser,
    add_cfg_options_argument,
    run_config,
)
from mixmae.cli.planned_speed import (
    Device,
    RunLog,
    check_length,
    speed_of,
)
from mixmae.config.config_paths import data_paths
from mixmae.config.failure_report import ConfigError
from mixmae.datasets.auto_image_values import leave_image_values_open
from mixmae.datasets.samplers.resumable_samplers import is_update_sampler
from mixmae.engine.fsdp2 import BLOCKS
from mixmae.profiling.gpu_table import GPUS
from mixmae.profiling.memory import PlannedNetwork
from mixmae.profiling.run_sizes import RunSettings, Schedule

# Images per second of one CPU core that decodes, crops and resizes full-size
# photographs; an order of magnitude. benchmarks/loader.py measures it.
DECODE_RATE = 500.0
# Side of the images, in pixels: a forward pass takes memory and time by its
# square.
LARGEST = 2048


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = CommandParser(
        description='Estimate time, memory and data of a run'
    )
    parser.add_argument(
        'config', help='config of a pretraining or a classifier'
    )
    parser.add_argument(
        '--gpu',
        choices=[*GPUS, 'cpu'],
        default='cpu',
        help='device of the run; cpu: this machine (default)',
    )
    parser.add_argument(
        '--num', type=int, default=1, help='number of devices (default: 1)'
    )
    parser.add_argument(
        '--per-node', type=int, default=8, help='devices per machine'
    )
    parser.add_argument(
        '--batch',
        type=int,
        help="batch size per device (default: the config's)",
    )
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument(
        '--measure',
        type=int,
        metavar='N',
        help='train for N iterations here and extrapolate; requires the data',
    )
    speed.add_argument(
        '--log',
        help='work folder or scalars.json of a run of this network: '
        'extrapolate from its time per image',
    )
    speed.add_argument(
        '--mfu', type=float, help="share of the vendor's peak, 0 to 1"
    )
    parser.add_argument('--images', type=int, help='number of training images')
    parser.add_argument(
        '--size', type=int, help='side of the images in pixels'
    )
    parser.add_argument(
        '--decode-rate',
        type=float,
        default=DECODE_RATE,
        help='images per second of one CPU core of the loader '
        '(default: %(default)g, assumed)',
    )
    add_cfg_options_argument(parser)
    parser.add_argument('--json', action='store_true', help='print JSON')
    args = parser.parse_args(argv)
    args.work_dir, args.launcher, args.local_rank = None, 'none', 0
    numbers = 'num per_node batch measure images size decode_rate'
    for name in numbers.split():
        value = getattr(args, name)
        if value is not None and not value > 0:
            option = '--' + name.replace('_', '-')
            raise ConfigError(f'{option} must be above 0, got {value}')
    if args.size is not None and args.size > LARGEST:
        raise ConfigError(
            f'--size must be at most {LARGEST:,} pixels, whose activations '
            f'are measured on this machine; got {args.size}'
        )
    if args.mfu is not None and not 0 < args.mfu <= 1:
        raise ConfigError(f'--mfu must be in (0, 1], got {args.mfu}')
    if args.mfu is not None and args.gpu == 'cpu':
        raise ConfigError(
            '--mfu needs the peak FLOP/s of a GPU; for this machine use '
            '--measure N'
        )
    if args.measure is not None and (args.gpu != 'cpu' or args.batch):
        raise ConfigError(
            '--measure trains the unchanged config on this machine; '
            'remove --gpu and --batch'
        )
    return args


def plan(args: argparse.Namespace) -> dict[str, Any]:
    """Return all figures by name, in bytes, seconds and operations."""
    cfg = run_config(args)
    # Before the network is built, which takes time.
    log = RunLog.read(args.log) if args.log is not None else None
    if args.measure is not None:
        _check_data(cfg)
    init_default_scope(cfg.get('default_scope', 'mixmae'))
    settings = RunSettings.of(cfg, args.images, args.size)
    if args.measure is not None and args.images is None:
        batches = math.ceil(settings.images / settings.batch)
        if is_update_sampler(cfg.train_dataloader.get('sampler')):
            # It leaves out incomplete updates.
            counts = cfg.optim_wrapper.get('accumulative_counts', 1)
            batches = settings.images // settings.batch // counts * counts
        check_length(args.measure, math.ceil(settings.epochs * batches))
    device = Device.of(args.gpu, settings.dtype)
    batch = args.batch or settings.batch
    schedule = Schedule.of(
        settings.images,
        settings.epochs,
        settings.update,
        args.num,
        batch,
        settings.updates,
    )
    leave_image_values_open(cfg)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    channels = getattr(model.backbone, 'in_channels', 3)
    network = PlannedNetwork.of(
        model,
        (channels, settings.side, settings.side),
        device.type,
        device.dtype,
        (cfg.get('model_wrapper_cfg') or {}).get('blocks', BLOCKS),
    )
    sharing = args.num if settings.sharded else 1
    memory = device.memory
    local = min(args.num, args.per_node)
    if device.type == 'cpu':
        memory /= local
    needs = network.needs(batch, settings.optimizer, device.process, sharing)
    flops = network.flops
    seconds, source = speed_of(args, cfg, device, flops, log)
    found = {
        'config': args.config,
        'device': args.gpu,
        'devices': args.num,
        'nodes': math.ceil(args.num / args.per_node),
        'dtype': str(device.dtype).removeprefix('torch.'),
        'parameters': network.parameters,
        'trained_parameters': network.trained,
        'image_side': settings.side,
        'flops_per_image': flops,
        'images': settings.images,
        'epochs': settings.epochs,
        'updates': schedule.updates,
        'images_per_update': schedule.update,
        'batch': batch,
        'accumulative_counts': schedule.accumulation,
        'flops': flops * schedule.trained_images,
        'speed_source': source,
        'memory': memory,
        'needs': {**needs._asdict(), 'total': needs.total},
        'activations_per_image': network.saved.image,
        'fits': needs.total <= memory,
        'largest_batch': network.largest_batch(
            memory, settings.optimizer, device.process, sharing
        ),
        'checkpoint': network.checkpoint(settings.optimizer),
        'checkpoints_kept': settings.kept,
        'decode_rate': args.decode_rate,
    }
    if seconds is not None:
        found |= {
            'img_per_s': args.num / seconds,
            'seconds_per_iteration': batch * seconds,
            'seconds': schedule.trained_images * seconds / args.num,
            'loader_cores': math.ceil(local / seconds / args.decode_rate),
        }
    return found


def _check_data(cfg: Config) -> None:
    """Check that the training data exist, to be measured with."""
    for one in data_paths(cfg):
        if one.key.startswith('train_dataloader') and not one.path.exists():
            raise ConfigError(
                f'--measure needs the data, and {one.path} does not exist '
                f'({one.key}={one.value}): set it to where the data are'
            )


def lines(found: dict[str, Any]) -> list[str]:
    """Return the plan as lines of text."""
    needs = found['needs']
    parts = ', '.join(
        f'{name} {value / 1e9:.2f}'
        for name, value in needs.items()
        if name != 'total' and value
    )
    kept = found['checkpoints_kept']
    stored = 'all are kept' if kept is None else f'{kept} are kept'
    fits = 'fits' if found['fits'] else 'DOES NOT FIT'
    rows = {
        'run': f'{found["config"]} on {found["devices"]} x {found["device"]}, '
        f'{found["dtype"]}',
        'model': f'{found["parameters"] / 1e6:.1f} M parameters, '
        f'{found["flops_per_image"] / 1e9:.4g} GFLOPs per image of '
        f'{found["image_side"]} pixels, forward and backward',
        'schedule': f'{found["epochs"]:g} epochs of {found["images"]:,} '
        f'images, {found["updates"]:,} updates by '
        f'{found["images_per_update"]:,} images: {found["devices"]} x '
        f'{found["batch"]} x {found["accumulative_counts"]} '
        f'(accumulative_counts), {found["flops"]:.3g} FLOPs',
        'memory': f'{needs["total"] / 1e9:.2f} of {found["memory"] / 1e9:.0f} '
        f'GB per device: {parts} GB; {fits}, and batches up to '
        f'{found["largest_batch"]:,} would fit',
        'activations': f'{found["activations_per_image"] / 1e6:.1f} MB per '
        f'image',
        'checkpoints': f'{found["checkpoint"] / 1e9:.2f} GB each; {stored}',
        'speed': found['speed_source'],
    }
    if 'seconds' in found:
        hours = found['seconds'] / 3600
        time = f'{hours / 24:.2f} days' if hours > 48 else f'{hours:.2f} hours'
        rows['speed'] = f'{found["img_per_s"]:,.0f} img/s ({rows["speed"]})'
        rows['time'] = (
            f'{time}, {found["seconds_per_iteration"]:.3g} s for each batch, '
            f'without validation and checkpoints'
        )
        rows['loader'] = (
            f'{found["loader_cores"]} cores per machine at '
            f'{found["decode_rate"]:g} img/s'
        )
    return [f'{name:<12} {text}' for name, text in rows.items()]


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    # Only the plan goes to stdout, so that it can be piped; messages of
    # libraries do not.
    with contextlib.redirect_stdout(sys.stderr):
        found = plan(args)
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        print('\n'.join(lines(found)))
