"""How long a checkpoint keeps the training waiting.

    python benchmarks/checkpoint.py [--config FILE] [--repeats 7]
        [--folder FOLDER] [--out FILE.json]

Saves the weights of a config's model and the moments of AdamW, as random
numbers, in three ways that take turns: beside the training (what
``DurableCheckpointHook`` does), just as durably but waiting for it, and as
MMEngine does, which neither flushes nor sums. The stall is the time until the
training would go on; serialising, which copies the state, is part of it in
all three.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import save_checkpoint

import mixmae.engine
import mixmae.models  # noqa: F401
from mixmae.checkpoints.whole_file import whole_file
from mixmae.engine.checkpoint_writer import BACKEND, WRITER
from mixmae.engine.command_line import run_tool
from mixmae.engine.surroundings import surroundings
from mixmae.registry import MODELS

CONFIG = 'configs/mixmae/swin-b_8xb128_600e.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--config', default=CONFIG)
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--folder', help='where to write (default: /tmp)')
    parser.add_argument('--out', type=Path)
    return parser.parse_args()


def state_of(config: str) -> dict:
    """What a checkpoint of a training holds, in size."""
    model = MODELS.build(Config.fromfile(config).model)
    weights = model.state_dict()
    moments = {
        number: dict(
            step=torch.tensor(1.0),
            exp_avg=torch.rand_like(one),
            exp_avg_sq=torch.rand_like(one),
        )
        for number, one in enumerate(model.parameters())
        if one.requires_grad
    }
    return dict(state_dict=weights, optimizer=dict(state=moments))


def beside(state: dict, path: str) -> None:
    """As ``DurableCheckpointHook``."""
    save_checkpoint(state, path, backend_args=dict(backend=BACKEND))


def waiting(state: dict, path: str) -> None:
    """The same, at once."""
    beside(state, path)
    WRITER.finish()


def mmengine(state: dict, path: str) -> None:
    """As MMEngine's ``CheckpointHook``."""
    save_checkpoint(state, path)


def main() -> None:
    """Measure, print, and write."""
    args = parse_args()
    state = state_of(args.config)
    ways: dict[str, Callable[[dict, str], None]] = dict(
        beside=beside, waiting=waiting, mmengine=mmengine
    )
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = f'{folder}/epoch_1.pth'
        # The first round warms up.
        for turn in range(args.repeats + 1):
            for name, save in ways.items():
                start = time.perf_counter()
                save(state, path)
                if turn:
                    seconds[name].append(time.perf_counter() - start)
                WRITER.finish()
        size = Path(path).stat().st_size
    middle = {name: round(median(all_), 3) for name, all_ in seconds.items()}
    ratios = zip(seconds['beside'], seconds['waiting'], strict=True)
    result = dict(
        config=args.config,
        megabytes=round(size / 1e6),
        stall_seconds=middle,
        ratio=round(median(one / other for one, other in ratios), 3),
        seconds=seconds,
        **surroundings(),
    )
    print(f'{size / 1e6:.0f} MB, median stall of {args.repeats} in seconds:')
    for name, value in middle.items():
        print(f'  {name:9} {value:.3f}')
    print(f'beside / waiting: {result["ratio"]} (median of the pairs)')
    if args.out:
        with whole_file(args.out) as partial:
            partial.write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    run_tool(main)
