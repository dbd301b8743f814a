"""How long a training waits for its images, by its own log.

    python -m benchmarks.data_wait [--rounds 3] [--out FILE.json]

The demo's config by tools/train.py, without validation, on its scenes: the
loader, its one worker and the threads are as the config and the machine have
them. Wanted: at most 3 % of the time of a step.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.candidate import ROOT, Candidate
from benchmarks.comparison import (
    Comparison,
    add_comparison_arguments,
    check_comparison_arguments,
)
from benchmarks.figure_table import Column
from mixmae.cli.command_line import run_tool
from mixmae.datasets.scenes.scene_set import SceneSet

CONFIG = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
GOAL = 0.03
COLUMNS = [
    Column('data_wait', 'data wait %', unit=1e-2, digits=2, spread=True),
    Column('step', 'ms/batch', unit=1e-3, digits=0, spread=True),
    Column('mfu', 'MFU %', unit=1e-2, digits=1),
    Column('memory', 'MB', unit=1e6, digits=0),
]


def candidates(args: argparse.Namespace, folder: Path) -> list[Candidate]:
    """The demo, each time in a work folder of its own."""
    options = [
        f'train_dataloader.dataset.data_root={folder / "scenes/imagenet"}',
        f'train_cfg.max_epochs={args.epochs}',
        'default_hooks.logger.interval=8',
        'log_processor.window_size=8',
        f'randomness.seed={args.seed}',
    ]
    settings = dict(
        config=str(CONFIG),
        options=options,
        clock='wall',
        work_dir=str(folder / 'demo'),
    )
    return [Candidate('demo', 'benchmarks.planned_run:train', settings)]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    summary, _, more = __doc__.partition('\n\n')
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--epochs', type=int, default=3)
    add_comparison_arguments(parser, rounds=3)
    args = parser.parse_args()
    check_comparison_arguments(parser, args)
    if args.epochs < 1:
        parser.error('--epochs must be at least 1')
    return args


def main() -> None:
    """Train, print, write."""
    args = parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        comparison = Comparison(candidates(args, folder), args)
        scenes = SceneSet(size=64, train=2048, val=64, seed=0)
        scenes.write(folder / 'scenes')
        comparison.run()
    print(comparison.table(COLUMNS))
    comparison.require_figures()
    print(f'wanted: at most {GOAL:.0%}')


if __name__ == '__main__':
    run_tool(main)
