"""What the guards of a training cost, on the demo's run.

    python benchmarks/guards.py [--rounds 5] [--epochs 3] [--out FILE.json]

The demo's pretraining (configs/mixmae/swin-demo_scenes-64.py, without
validation and pictures) with all guards, and with MMEngine's own parts in
their place. The two take turns, each time in a fresh process. The clock runs
from the second epoch until the last checkpoint is on the disk; there is a
checkpoint every epoch, as in the demo. Images are loaded in the training's
own process, so that its CPU time, which a busy machine does not lengthen,
holds everything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from mixmae.checkpoints.whole_file import whole_file
from mixmae.engine.checkpoint_writer import WRITER
from mixmae.engine.command_line import ConfigError, run_tool
from mixmae.engine.surroundings import surroundings

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
# Hooks that MMEngine has no counterpart of.
GUARDS = (
    'bad_files',
    'finite_guard',
    'interrupt',
    'step_seed',
    'update_border',
    'watchdog',
)
GOAL = 1.02


@HOOKS.register_module()
class ClockHook(Hook):
    """Times everything after the first epoch."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.began: tuple[float, float, int] | None = None
        self.found: dict[str, float] = {}

    def after_train_epoch(self, runner: Runner) -> None:
        """Starts the clock once the first epoch is all done."""
        if self.began is None:
            WRITER.finish()
            steps = runner.iter
            self.began = (time.perf_counter(), time.process_time(), steps)

    def after_train(self, runner: Runner) -> None:
        """Stops it."""
        WRITER.finish()
        assert self.began is not None
        wall, cpu, steps = self.began
        steps = runner.iter - steps
        self.found = dict(
            wall=(time.perf_counter() - wall) / steps,
            cpu=(time.process_time() - cpu) / steps,
        )


def demo(work_dir: str, epochs: int, guarded: bool) -> Config:
    """The demo's config, shorter, with or without guards."""
    config = Config.fromfile(CONFIG)
    config.work_dir = work_dir
    config.train_cfg.max_epochs = epochs
    config.val_dataloader = config.val_evaluator = config.val_cfg = None
    config.custom_hooks = []
    config.log_level = 'WARNING'
    loader = config.train_dataloader
    loader.update(num_workers=0, persistent_workers=False)
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


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Seconds per step of one run in this process."""
    torch.set_num_threads(args.threads)
    clock = ClockHook()
    with tempfile.TemporaryDirectory() as folder:
        guarded = args.alone == 'on'
        runner = Runner.from_cfg(demo(folder, args.epochs, guarded))
        runner.register_hook(clock)
        runner.train()
    return clock.found


def measure_apart(args: argparse.Namespace, guards: str) -> dict[str, float]:
    """The same in a process of its own."""
    names = ('epochs', 'threads')
    given = [f'--{name}={getattr(args, name)}' for name in names]
    done = subprocess.run(
        [sys.executable, __file__, f'--alone={guards}', *given],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConfigError((done.stderr.strip().splitlines() or ['killed'])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def summary(rounds: list[dict[str, dict]]) -> dict[str, dict[str, float]]:
    """Medians of wall and CPU time per step, and of their ratios."""
    found = {}
    for clock in ('wall', 'cpu'):
        # Of neighbours in time.
        ratios = [one['on'][clock] / one['off'][clock] for one in rounds]
        found[clock] = dict(
            seconds_on=median(one['on'][clock] for one in rounds),
            seconds_off=median(one['off'][clock] for one in rounds),
            ratio=median(ratios),
            smallest_ratio=min(ratios),
            largest_ratio=max(ratios),
        )
    return found


def table(rows: dict[str, dict[str, float]]) -> str:
    """The summary to be read."""
    lines = [
        f'{"":5} {"off, ms":>9} {"on, ms":>9} {"on / off":>9} '
        f'{"(min to max)":>18}'
    ]
    for clock, row in rows.items():
        spread = f'({row["smallest_ratio"]:.3f} to {row["largest_ratio"]:.3f})'
        lines.append(
            f'{clock:5} {1e3 * row["seconds_off"]:9.2f} '
            f'{1e3 * row["seconds_on"]:9.2f} {row["ratio"]:9.3f} {spread:>18}'
        )
    return '\n'.join([*lines, f'wanted: at most {GOAL}'])


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--rounds', type=int, default=5, help='processes with, and without')
    add(
        '--epochs', type=int, default=3, help='of each; the first is not timed'
    )
    add('--threads', type=int, default=1, help='of the CPU')
    add('--out', type=Path, metavar='FILE', help='all figures, as JSON')
    add('--alone', choices=('on', 'off'), help=argparse.SUPPRESS)
    args = parser.parse_args()
    for name, least in (('rounds', 1), ('epochs', 2), ('threads', 1)):
        if getattr(args, name) < least:
            parser.error(f'--{name} must be at least {least}')
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    if args.alone:
        print(json.dumps(measure(args)))
        return
    rounds = []
    for i in range(args.rounds):
        order = ('on', 'off') if i % 2 else ('off', 'on')
        rounds.append({name: measure_apart(args, name) for name in order})
    rows = summary(rounds)
    print(table(rows))
    if args.out:
        settings: dict[str, Any] = {**vars(args), 'out': None}
        content = dict(
            settings=settings, **surroundings(), summary=rows, rounds=rounds
        )
        with whole_file(args.out) as partial:
            partial.write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    run_tool(main)
