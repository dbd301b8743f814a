"""How long a checkpoint keeps the training waiting.

    python -m benchmarks.checkpoint [--config FILE] [--repeats 3]
        [--folder FOLDER] [--out FILE.json]

Saves the weights of a config's model and the moments of AdamW, as random
numbers, in three ways: beside the training (what ``DurableCheckpointHook``
does), just as durably but waiting for it, and as MMEngine does, which neither
flushes nor sums. The stall is the time until the
training would go on; serialising, which copies the state, is part of it in
all three.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner.checkpoint import save_checkpoint

import mixmae.engine
import mixmae.models  # noqa: F401
from benchmarks.contender import Contender, Figures
from benchmarks.contest import (
    Contest,
    add_contest_arguments,
    check_contest_arguments,
)
from benchmarks.figure_table import Column
from mixmae.engine.checkpoint_writer import BACKEND, WRITER
from mixmae.engine.command_line import run_tool
from mixmae.registry import MODELS

CONFIG = 'configs/mixmae/swin-b_8xb128_600e.py'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--config', default=CONFIG)
    parser.add_argument(
        '--repeats', type=int, default=3, help='timed, per process'
    )
    parser.add_argument('--folder', help="where to write (default: system's)")
    add_contest_arguments(parser)
    args = parser.parse_args()
    check_contest_arguments(parser, args)
    if args.repeats < 1:
        parser.error('--repeats must be at least 1')
    return args


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


# The one that waits is what the others are compared with.
WAYS: dict[str, Callable[[dict, str], None]] = dict(
    waiting=waiting, beside=beside, mmengine=mmengine
)
COLUMNS = [
    Column('stall_seconds', 'stall, s', digits=3, spread=True, ratio=True),
    Column('bytes', 'MB', unit=1e6, digits=0),
]


def measure(settings: dict[str, Any]) -> Figures:
    """Saves several times in one way, in this process."""
    torch.manual_seed(settings['seed'])
    state = state_of(settings['config'])
    save = WAYS[settings['way']]
    seconds = []
    with tempfile.TemporaryDirectory(dir=settings['folder']) as folder:
        path = f'{folder}/epoch_1.pth'
        # The first one warms up.
        for _ in range(settings['repeats'] + 1):
            start = time.perf_counter()
            save(state, path)
            seconds.append(time.perf_counter() - start)
            WRITER.finish()
        size = Path(path).stat().st_size
    stalls = seconds[1:]
    return dict(stall_seconds=median(stalls), all_stalls=stalls, bytes=size)


def main() -> None:
    """Measure, print, and write."""
    args = parse_args()
    names = ('config', 'folder', 'repeats', 'seed')
    common = {name: getattr(args, name) for name in names}
    contenders = [
        Contender(way, 'benchmarks.checkpoint:measure', {**common, 'way': way})
        for way in WAYS
    ]
    contest = Contest(contenders, args)
    contest.run()
    print(contest.table(COLUMNS))
    contest.require_figures()


if __name__ == '__main__':
    run_tool(main)
