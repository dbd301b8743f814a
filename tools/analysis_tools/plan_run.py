"""What will a run cost? Time, memory and data, from its config alone.

    python tools/analysis_tools/plan_run.py \\
        configs/mixmae/swin-b_8xb128_600e.py --gpu h200 --num 8
    python tools/analysis_tools/plan_run.py CONFIG --gpu cpu \\
        --log work_dirs/my_run

Parameters, operations and activations are counted in the model itself; no
GPU is needed. What GPUs do at most is what their vendor says. How much of it
training reaches is assumed, unless --mfu says it, or --log, by another run on
devices of this kind. Its network may be another one, for what it took is
divided into products, traffic and calls; the more alike, the better. `--gpu
cpu` is this machine, measured now.

Not in the time: validation, checkpoints, waiting for data.
"""

import argparse
import contextlib
import json
import math
import sys
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mixmae.engine.command_line import (
    ConfigError,
    OptionAction,
    read_config,
    run_tool,
)
from mixmae.engine.device_rates import (
    ASSUMED_MFU,
    KINDS,
    DeviceRates,
    MeasuredRates,
)
from mixmae.engine.flops import TrainingWork
from mixmae.engine.run_plan import Network, Schedule
from mixmae.engine.run_settings import RunSettings
from mixmae.engine.sharding.fully_sharded_model import BLOCKS

# Images that a core feeds: full-size photographs, cropped and resized; of
# that order. benchmarks/loader.py measures it.
DECODE_RATE = 500.0


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Time, memory and data that a run will need'
    )
    parser.add_argument('config', help='of a pretraining or a classifier')
    parser.add_argument(
        '--gpu', choices=KINDS, required=True, help='cpu: this machine'
    )
    parser.add_argument('--num', type=int, default=1, help='how many')
    parser.add_argument(
        '--per-node', type=int, default=8, help='of them in one machine'
    )
    parser.add_argument(
        '--batch', type=int, help="of one device (default: the config's)"
    )
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument(
        '--mfu', type=float, help='share of the peak that training reaches'
    )
    speed.add_argument(
        '--log', help='work folder or scalars.json of a run on such devices'
    )
    parser.add_argument('--images', type=int, help='of the training set')
    parser.add_argument('--size', type=int, help='of the images, in pixels')
    parser.add_argument(
        '--decode-rate',
        type=float,
        default=DECODE_RATE,
        help='images per second of one CPU core of the loader '
        '(default: %(default)g, assumed)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OptionAction,
        metavar='KEY=VALUE',
        help='change settings of the config',
    )
    parser.add_argument('--json', action='store_true', help='print JSON')
    args = parser.parse_args()
    args.work_dir, args.launcher, args.local_rank = None, 'none', 0
    for name in ('num', 'per_node', 'batch', 'images', 'size', 'decode_rate'):
        value = getattr(args, name)
        if value is not None and not value > 0:
            option = '--' + name.replace('_', '-')
            raise ConfigError(f'{option} must be above 0, got {value}')
    if args.mfu is not None and not 0 < args.mfu <= 1:
        raise ConfigError(f'--mfu must be in (0, 1], got {args.mfu}')
    return args


def network_of(cfg: Config, side: int, device: DeviceRates) -> Network:
    """Counts the config's model, which is built without values."""
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    shape = (3, side, side)
    wrapper = cfg.get('model_wrapper_cfg') or {}
    blocks = wrapper.get('blocks', BLOCKS)
    return Network.of(model, shape, device.type, device.dtype, blocks)


def read_log(
    args: argparse.Namespace, device: DeviceRates
) -> MeasuredRates | None:
    """What ``--log`` says.

    Raises:
        ConfigError: it is of other devices.
    """
    if args.log is None:
        return None
    log = MeasuredRates.of_log(args.log)
    if device.type != 'cpu' and not 0.02 < log.matmul / device.peak < 1.1:
        raise ConfigError(
            f'{args.log}: a device of that run does {log.matmul / 1e12:.3g} '
            f'TFLOP/s in matrix products, a {device.kind} '
            f'{device.peak / 1e12:.3g}: it is of another kind; give --mfu'
        )
    return log


def seconds_per_image(
    args: argparse.Namespace,
    log: MeasuredRates | None,
    device: DeviceRates,
    work: TrainingWork,
    batch: int,
) -> tuple[float, str]:
    """What a device takes for an image, and who says so."""
    if log is not None:
        step = log.step_time(device)
        if step is None:
            return work.flops / log.flops, f'that of {args.log}'
        return step.seconds(work, batch) / batch, f'from {args.log}'
    share, source = args.mfu, 'given'
    if share is None:
        share, source = ASSUMED_MFU[device.type], 'assumed, not measured'
    return work.flops / (device.peak * share), source


def plan(args: argparse.Namespace) -> dict[str, Any]:
    """All figures, by name; bytes, seconds and operations."""
    cfg = read_config(args)
    init_default_scope(cfg.get('default_scope', 'mixmae'))
    settings = RunSettings.of(cfg, args.images, args.size)
    device = DeviceRates.of(args.gpu, settings.dtype)
    log = read_log(args, device)
    batch = args.batch or settings.batch
    schedule = Schedule.of(
        settings.images,
        settings.epochs,
        settings.update,
        args.num,
        batch,
        settings.updates,
    )
    network = network_of(cfg, settings.side, device)
    shards = args.num if settings.sharded else 1
    needs = network.needs(batch, settings.optimizer, device.process, shards)
    memory = device.memory
    if device.type == 'cpu':
        memory /= min(args.num, args.per_node)
    flops = network.work.flops
    seconds, source = seconds_per_image(args, log, device, network.work, batch)
    rate = 1 / seconds
    nodes = math.ceil(args.num / args.per_node)
    node_rate = rate * min(args.num, args.per_node)
    checkpoint = network.checkpoint(settings.optimizer)
    return {
        'config': args.config,
        'device': args.gpu,
        'devices': args.num,
        'nodes': nodes,
        'dtype': str(device.dtype).removeprefix('torch.'),
        'parameters': network.parameters,
        'trained_parameters': network.trained,
        'image_side': settings.side,
        'flops_per_image': flops,
        'moved_per_image': network.work.moved,
        'images': settings.images,
        'epochs': settings.epochs,
        'updates': schedule.updates,
        'images_per_update': schedule.update,
        'batch': batch,
        'accumulative_counts': schedule.accumulation,
        'flops': flops * schedule.trained_images,
        'peak': device.peak,
        'peak_source': device.peak_source,
        'bandwidth': device.bandwidth,
        'mfu': flops * rate / device.peak,
        'mfu_source': source,
        'img_per_s': rate * args.num,
        'seconds_per_iteration': batch * seconds,
        'seconds': schedule.trained_images / (rate * args.num),
        'memory': memory,
        'needs': {**needs._asdict(), 'total': needs.total},
        'activations_per_image': network.saved.image,
        'fits': needs.total <= memory,
        'largest_batch': network.largest_batch(
            memory, settings.optimizer, device.process, shards
        ),
        'node_img_per_s': node_rate,
        'decode_rate': args.decode_rate,
        'loader_cores': math.ceil(node_rate / args.decode_rate),
        'checkpoint': checkpoint,
        'checkpoints_kept': settings.kept,
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The plan for people."""
    needs = found['needs']
    parts = ', '.join(
        f'{name} {value / 1e9:.2f}'
        for name, value in needs.items()
        if name != 'total' and value
    )
    hours = found['seconds'] / 3600
    time = f'{hours / 24:.2f} days' if hours > 48 else f'{hours:.2f} hours'
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
        'speed': f'{found["mfu"]:.1%} ({found["mfu_source"]}) of '
        f'{found["peak"] / 1e12:.4g} TFLOP/s ({found["peak_source"]}): '
        f'{found["img_per_s"]:,.0f} img/s',
        'time': f'{time}, {found["seconds_per_iteration"]:.3g} s for each '
        f'batch, without validation and pauses',
        'memory': f'{needs["total"] / 1e9:.2f} of {found["memory"] / 1e9:.0f} '
        f'GB per device: {parts} GB; {fits}, and batches up to '
        f'{found["largest_batch"]:,} would',
        'activations': f'{found["activations_per_image"] / 1e6:.1f} MB per '
        f'image',
        'loader': f'{found["node_img_per_s"]:,.0f} img/s per machine: '
        f'{found["loader_cores"]} cores at {found["decode_rate"]:g} img/s',
        'checkpoints': f'{found["checkpoint"] / 1e9:.2f} GB each; {stored}',
    }
    return [f'{name:<12} {text}' for name, text in rows.items()]


def main() -> None:
    """Plan and print."""
    args = parse_args()
    # Libraries print what they miss; the plan alone may be piped.
    with contextlib.redirect_stdout(sys.stderr):
        found = plan(args)
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        print('\n'.join(lines(found)))


if __name__ == '__main__':
    run_tool(main)
