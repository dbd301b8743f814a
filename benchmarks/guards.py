"""Cost of the guards of a training, on the demo's run.

    python -m benchmarks.guards [--rounds 5] [--epochs 3] [--out FILE.json]

The demo's pretraining (configs/mixmae/swin-demo_scenes-64.py, without
validation and pictures) with all guards, and with MMEngine's own parts in
their place. Timed from the second epoch until the last checkpoint is on the
disk, with a checkpoint every epoch, as in the demo. Images are loaded in the
training's own process, so that its CPU time, which a busy machine hardly
changes, includes everything. The scenes are written first, for this comparison
only.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from benchmarks.candidate import ROOT, Candidate, Figures
from benchmarks.comparison import (
    Comparison,
    benchmark_parser,
    parse_comparison,
    require_at_least,
)
from benchmarks.figure_table import Column
from mixmae.checkpoints.io.checkpoint_writer import WRITER
from mixmae.cli.command_line import run_tool
from mixmae.datasets.scenes.scene_set import SceneSet

CONFIG = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
# Hooks that MMEngine has no counterpart of.
GUARDS = (
    'corrupt_files',
    'finite_guard',
    'interrupt',
    'step_seed',
    'update_border',
    'watchdog',
)
GOAL = 1.02
COLUMNS = [
    Column('wall', 'ms/step', unit=1e-3, spread=True, ratio=True),
    Column('cpu', 'CPU ms/step', unit=1e-3, spread=True, ratio=True),
]


@HOOKS.register_module()
class ClockHook(Hook):
    """Measure the time of everything after the first epoch."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.began: tuple[float, float, int] | None = None
        self.found: dict[str, float] = {}

    def after_train_epoch(self, runner: Runner) -> None:
        """Start the clock after the first epoch and its checkpoint."""
        if self.began is None:
            WRITER.finish()
            steps = runner.iter
            self.began = (time.perf_counter(), time.process_time(), steps)

    def after_train(self, runner: Runner) -> None:
        """Stop the clock after the last checkpoint."""
        WRITER.finish()
        assert self.began is not None
        wall, cpu, steps = self.began
        steps = runner.iter - steps
        self.found = dict(
            wall=(time.perf_counter() - wall) / steps,
            cpu=(time.process_time() - cpu) / steps,
        )


def demo(work_dir: str, data: str, epochs: int, guarded: bool) -> Config:
    """Return the demo's config, shorter, with or without guards."""
    config = Config.fromfile(CONFIG)
    config.work_dir = work_dir
    config.train_cfg.max_epochs = epochs
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    config.custom_hooks = []
    config.log_level = 'WARNING'
    loader = config.train_dataloader
    loader.update(num_workers=0, persistent_workers=False)
    loader.dataset.data_root = data
    if not guarded:
        config.train_cfg.type = 'EpochBasedTrainLoop'
        config.default_hooks.checkpoint.type = 'CheckpointHook'
        for name in GUARDS:
            del config.default_hooks[name]
        loader.dataset.pipeline = [
            step
            for step in loader.dataset.pipeline
            if not step.type.endswith('SeedSample')
        ]
    return config


def measure(settings: dict[str, Any]) -> Figures:
    """Return the seconds per step of one run in this process."""
    torch.set_num_threads(settings['threads'])
    clock = ClockHook()
    with tempfile.TemporaryDirectory() as folder:
        config = demo(
            folder, settings['data'], settings['epochs'], settings['guarded']
        )
        runner = Runner.from_cfg(config)
        runner.register_hook(clock)
        runner.train()
    return clock.found


def candidates(args: argparse.Namespace, data: str) -> list[Candidate]:
    """Return MMEngine's parts, and ours, on the images of a folder."""
    return [
        Candidate(
            name,
            'benchmarks.guards:measure',
            dict(
                data=data,
                epochs=args.epochs,
                threads=args.threads,
                guarded=guarded,
            ),
        )
        for name, guarded in (('off', False), ('on', True))
    ]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = benchmark_parser(__doc__)
    add = parser.add_argument
    add(
        '--epochs', type=int, default=3, help='of each; the first is not timed'
    )
    add('--threads', type=int, default=1, help='of the CPU')
    args = parse_comparison(parser)
    require_at_least(parser, args, epochs=2, threads=1)
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder:
        SceneSet(val=0, formats=['imagenet']).write(folder)
        found = candidates(args, f'{folder}/imagenet')
        Comparison(found, args).report(COLUMNS)
    print(f'wanted: on at most {GOAL} x off')


if __name__ == '__main__':
    run_tool(main)
