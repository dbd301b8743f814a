"""Time that a training waits for its images.

    python -m benchmarks.data_wait [--rounds 3] [--out FILE.json]

The first iterations of the demo's config on its scenes: the loader, its one
worker and the threads are as the config and the machine have them. Wanted: at
most 3 % of the time of an iteration.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from mmengine.config import Config

from benchmarks.candidate import ROOT, Candidate, Figures
from benchmarks.comparison import (
    Comparison,
    benchmark_parser,
    parse_comparison,
    require_at_least,
)
from benchmarks.figure_table import Column
from mixmae.cli.command_line import run_tool
from mixmae.cli.planned_speed import measure_iterations
from mixmae.datasets.scenes.scene_set import SceneSet

CONFIG = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
GOAL = 0.03
COLUMNS = [
    Column('data_wait', 'data wait %', unit=1e-2, digits=2, spread=True),
    Column('seconds', 'ms/iteration', unit=1e-3, digits=0, spread=True),
    Column('memory', 'MB', unit=1e6, digits=0),
]


def measure(settings: dict[str, Any]) -> Figures:
    """Measure the first iterations of the demo in this process."""
    config = Config.fromfile(CONFIG)
    config.train_dataloader.dataset.data_root = settings['data_root']
    config.randomness = dict(seed=settings['seed'])
    return measure_iterations(config, settings['iterations'])._asdict()


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = benchmark_parser(__doc__)
    parser.add_argument('--iterations', type=int, default=60, help='timed')
    args = parse_comparison(parser, rounds=3)
    require_at_least(parser, args, iterations=1)
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as name:
        scenes = SceneSet(size=64, train=2048, val=64, seed=0)
        scenes.write(Path(name) / 'scenes')
        settings = dict(
            data_root=f'{name}/scenes/imagenet',
            seed=args.seed,
            iterations=args.iterations,
        )
        demo = Candidate('demo', measure, settings)
        Comparison([demo], args).report(COLUMNS)
    print(f'wanted: at most {GOAL:.0%}')


if __name__ == '__main__':
    run_tool(main)
