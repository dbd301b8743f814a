"""How long it takes until something happens.

    python -m benchmarks.start [--rounds 5] [--out FILE.json]

Imports, each in a fresh process: torch alone, ``mixmae``, which by itself
loads not even torch, and 'parts': all that a training imports before it reads
its config (mixmae's models, data sets, loops and hooks). Then 'training':
seconds from the command, tools/train.py with the demo's config and a new work
folder, to the log's line of the first iteration, its pictures being there; in
'CPU s' its workers count, too. 'mmengine' is the import of the runner alone,
which no training on MMEngine can do without.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.contender import ROOT, Contender
from benchmarks.contest import (
    Contest,
    add_contest_arguments,
    check_contest_arguments,
)
from benchmarks.figure_table import Column
from mixmae.datasets.scenes.scene_set import SceneSet
from mixmae.engine.command_line import run_tool

CONFIG = ROOT / 'configs/mixmae/swin-demo_scenes-64.py'
GOAL_IMPORT, GOAL_START = 1.5, 15
IMPORTS = {
    'torch': ['torch'],
    'mixmae': ['mixmae'],
    'mmengine': ['mmengine.runner'],
    'parts': [
        'mixmae.models',
        'mixmae.datasets',
        'mixmae.datasets.transforms',
        'mixmae.engine.hooks',
        'mixmae.engine.loops',
        'mixmae.engine.optimizers',
        'mixmae.engine.command_line',
    ],
}
COLUMNS = [
    Column('seconds', 'seconds', spread=True, ratio=True),
    Column('process_cpu_seconds', 'CPU s', ratio=True),
    Column('modules', 'modules', digits=0),
]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    summary, _, more = __doc__.partition('\n\n')
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_contest_arguments(parser)
    args = parser.parse_args()
    check_contest_arguments(parser, args)
    return args


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    entry = 'benchmarks.import_time:measure'
    found = [
        Contender(name, entry, {'modules': modules})
        for name, modules in IMPORTS.items()
    ]
    with tempfile.TemporaryDirectory() as folder:
        SceneSet(size=64, train=256, val=64, seed=0).write(Path(folder))
        data = dict(config=str(CONFIG), data=f'{folder}/imagenet')
        entry = 'benchmarks.first_iteration:measure'
        contest = Contest([*found, Contender('training', entry, data)], args)
        contest.run()
    print(contest.table(COLUMNS))
    contest.require_figures()
    print(
        f'wanted: parts at most {GOAL_IMPORT} x torch, training at most '
        f'{GOAL_START} s'
    )


if __name__ == '__main__':
    run_tool(main)
