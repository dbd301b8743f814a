"""A short training of a config, and a plan of it, each in its own process."""

from __future__ import annotations

import json
import runpy
import statistics
import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from benchmarks.contender import ROOT

TRAIN = ROOT / 'tools/train.py'
PLAN = ROOT / 'tools/analysis_tools/plan_run.py'


def train(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Trains, and reads what the log says.

    Args:
        settings: ``config``, ``options`` (of ``--cfg-options``), ``clock``
            ('wall' or 'cpu'), ``work_dir``, where the log stays.

    Returns:
        Medians over the log's lines: ``step`` in seconds for each batch, its
        wait for data left out, ``data_wait``, ``matmul_rate``, and the last
        ``memory`` in bytes.
    """
    _choose_clock(settings['clock'])
    folder = Path(settings['work_dir'])
    sys.argv = [str(TRAIN), settings['config'], '--no-validate']
    sys.argv += ['--work-dir', str(folder), '--cfg-options']
    sys.argv += settings['options']
    runpy.run_path(str(TRAIN), run_name='__main__')
    log = sorted(folder.glob('*/vis_data/scalars.json'))[-1]
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    rows = [row for row in rows if 'matmul_mfu' in row]
    step = [
        row['batch_size'] / row['img_per_s'] * (1 - row['data_wait'])
        for row in rows
    ]
    return dict(
        step=statistics.median(step),
        data_wait=statistics.median(row['data_wait'] for row in rows),
        mfu=statistics.median(row['matmul_mfu'] for row in rows),
        matmul_rate=rows[-1]['matmul_tflops'] * 1e12,
        memory=rows[-1]['memory'] * 2**20,
        log=str(log),
    )


def plan(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What ``plan_run.py`` says.

    Args:
        settings: ``config``, ``options``, ``clock``, ``log``.
    """
    _choose_clock(settings['clock'])
    sys.argv = [str(PLAN), settings['config'], '--gpu', 'cpu', '--json']
    sys.argv += ['--log', settings['log'], '--cfg-options']
    sys.argv += settings['options']
    with redirect_stdout(StringIO()) as said:
        runpy.run_path(str(PLAN), run_name='__main__')
    found = json.loads(said.getvalue())
    return dict(
        step=found['seconds_per_iteration'], memory=found['needs']['total']
    )


def _choose_clock(name: str) -> None:
    """Before anything is imported that keeps the clock it finds."""
    if name == 'cpu':
        time.perf_counter = time.process_time
