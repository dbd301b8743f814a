"""What plan_run.py says of a training, against that training's log.

    python -m benchmarks.planning [--rounds 3] [--only demo wider] [--out FILE]

Short trainings of several configs by tools/train.py, on synthetic scenes, take
turns. Then each is planned from the log of each other one of the same round:
seconds for a batch and most memory, as predicted and as they were. Beside it
stands what the other's MFU alone would say. On a busy machine: ``--clock cpu
--threads 1``, seconds of the process.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contender import ROOT, Contender, ContenderError
from benchmarks.contest import (
    Contest,
    add_contest_arguments,
    check_contest_arguments,
)
from benchmarks.figure_table import Column
from mixmae.datasets.scenes.scene_set import SceneSet
from mixmae.engine.command_line import run_tool

DEMO = 'configs/mixmae/swin-demo_scenes-64.py'
GOAL = 0.20
# Config, images of a batch, what else differs from it.
RUNS: dict[str, tuple[str, int, list[str]]] = {
    'demo': (DEMO, 32, []),
    'demo-b8': (DEMO, 8, []),
    'deeper': (DEMO, 16, ['model.backbone.arch.depths=[2,2,8]']),
    'wider': (
        DEMO,
        16,
        [
            'model.backbone.arch.embed_dims=96',
            'model.neck.in_channels=384',
        ],
    ),
    'mini-96': ('configs/mixmae/swin-mini_imagenette-96.py', 64, []),
    'mini-128': (
        'configs/mixmae/swin-mini-mixmae_imagenette-128.py',
        32,
        [],
    ),
    'simmim-128': (
        'configs/simmim/swin-mini-simmim_imagenette-128.py',
        32,
        [],
    ),
    'um-mae-128': (
        'configs/um_mae/swin-mini-um-mae_imagenette-128.py',
        32,
        [],
    ),
    'swin-b': ('configs/mixmae/swin-b_image-folder.py', 4, []),
}
COLUMNS = [
    Column('step', 'ms/batch', unit=1e-3, digits=0, spread=True),
    Column('mfu', 'MFU %', unit=1e-2, digits=1),
    Column('data_wait', 'data wait %', unit=1e-2, digits=1, spread=True),
    Column('matmul_rate', 'GFLOP/s', unit=1e9, digits=1, spread=True),
    Column('memory', 'MB', unit=1e6, digits=0),
]


def contenders(args: argparse.Namespace, folder: Path) -> list[Contender]:
    """A training of each config."""
    return [
        Contender(
            name,
            'benchmarks.planned_run:train',
            dict(
                config=str(ROOT / config),
                options=_options(args, folder, batch, changes),
                clock=args.clock,
                work_dir=str(folder / name),
            ),
            _environment(args),
        )
        for name, (config, batch, changes) in RUNS.items()
    ]


def _options(
    args: argparse.Namespace, folder: Path, batch: int, changes: list[str]
) -> list[str]:
    loader = 'train_dataloader'
    return [
        f'{loader}.batch_size={batch}',
        f'{loader}.sampler.batch_size={batch}',
        f'{loader}.num_workers=1',
        f'{loader}.dataset.data_root={folder / "scenes/imagenet"}',
        f'{loader}.dataset.indices={batch * args.iterations}',
        'train_cfg.max_epochs=1',
        'default_hooks.logger.interval=2',
        'log_processor.window_size=2',
        'custom_hooks=[]',
        f'randomness.seed={args.seed}',
        *changes,
    ]


def _environment(args: argparse.Namespace) -> dict[str, str]:
    threads = str(args.threads)
    return dict(OMP_NUM_THREADS=threads, MKL_NUM_THREADS=threads)


def compare(contest: Contest) -> dict[str, dict[str, Any]]:
    """Plans of each from each other's log, 'A > B' being B from A's.

    Returns:
        Medians over rounds: ``step`` and ``memory``, predicted over
        measured, and ``by_mfu``, a step's if only A's MFU were known.
    """
    found: dict[str, dict[str, list[float]]] = {}
    settings = {one.name: one.settings for one in contest.contenders}
    args = contest.args
    for figures in contest.rounds:
        for source, target in itertools.permutations(figures, 2):
            if args.sources and source not in args.sources:
                continue
            real, other = figures[target], figures[source]
            plan = Contender(
                target,
                'benchmarks.planned_run:plan',
                {**settings[target], 'log': other['log']},
                _environment(args),
            )
            try:
                planned = plan.measure()
            except ContenderError as error:
                print(f'{source} > {target}: {error}', file=sys.stderr)
                continue
            # FLOPs of both are known; so is the rate of products.
            by_mfu = (real['mfu'] * real['matmul_rate']) / (
                other['mfu'] * other['matmul_rate']
            )
            row = found.setdefault(f'{source} > {target}', {})
            for key, value in dict(
                step=planned['step'] / real['step'],
                memory=planned['memory'] / real['memory'],
                by_mfu=by_mfu,
            ).items():
                row.setdefault(key, []).append(value)
            print(f'{source} > {target}: {row["step"][-1]:.2f}', flush=True)
    return {
        pair: {key: statistics.median(values) for key, values in row.items()}
        for pair, row in found.items()
    }


def report(pairs: dict[str, dict[str, Any]]) -> str:
    """One line for each pair, and how many are within the goal."""
    lines = ['from > to                 step  by MFU alone  memory']
    for pair, row in pairs.items():
        lines.append(
            f'{pair:<24} {row["step"]:5.2f}  {row["by_mfu"]:12.2f}  '
            f'{row["memory"]:6.2f}'
        )
    for key in ('step', 'by_mfu', 'memory'):
        errors = [abs(row[key] - 1) for row in pairs.values()]
        within = sum(one <= GOAL for one in errors)
        lines.append(
            f'{key}: {within} of {len(errors)} within {GOAL:.0%}, median '
            f'error {statistics.median(errors):.1%}, largest '
            f'{max(errors):.1%}'
        )
    return '\n'.join(lines)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    summary, _, more = __doc__.partition('\n\n')
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add('--iterations', type=int, default=15, help='of each training')
    add('--threads', type=int, default=2)
    add('--clock', choices=('wall', 'cpu'), default='wall')
    add('--sources', nargs='+', metavar='NAME', help='plan from these alone')
    add_contest_arguments(parser, rounds=3)
    args = parser.parse_args()
    check_contest_arguments(parser, args)
    if args.iterations < 6:
        parser.error('--iterations must be at least 6: three do not count')
    return args


def main() -> None:
    """Train, plan, print, write."""
    args = parse_args()
    most = max(batch for _, batch, _ in RUNS.values())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contest = Contest(contenders(args, folder), args)
        scenes = SceneSet(
            size=128, train=most * args.iterations, val=64, seed=args.seed
        )
        scenes.write(folder / 'scenes')
        contest.run()
        contest.require_figures()
        print(contest.table(COLUMNS))
        pairs = compare(contest)
    contest.write(pairs=pairs)
    if pairs:
        print(report(pairs))


if __name__ == '__main__':
    run_tool(main)
