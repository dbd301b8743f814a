"""How long a training takes from its command to its first iteration."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.contender import ROOT

TRAIN = ROOT / 'tools/train.py'
# In the log's line of an iteration, of loops by epochs and by iterations.
ARRIVED = '(train)'
LAST_LINES = 5


def measure(settings: dict[str, Any]) -> dict[str, Any]:
    """Runs tools/train.py until its log tells of an iteration.

    In a process of its own, as users do: what must be settled before PyTorch
    is imported, is.

    Args:
        settings: ``config``, and ``data``, the folder of its images.

    Returns:
        ``seconds`` from the command to that line of the log, and
        ``process_cpu_seconds`` of the training and its workers.

    Raises:
        RuntimeError: the training ended before.
    """
    command = [sys.executable, str(TRAIN), settings['config']]
    command += ['--no-validate', '--cfg-options']
    command += [f'train_dataloader.dataset.data_root={settings["data"]}']
    command += ['default_hooks.logger.interval=1', '--work-dir']
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        with subprocess.Popen(
            [*command, str(Path(folder, 'run'))],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as training:
            try:
                assert training.stdout is not None
                said = []
                for line in training.stdout:
                    said.append(line)
                    if ARRIVED in line:
                        break
                else:
                    raise RuntimeError(
                        f'{TRAIN.name} ended before its first iteration: '
                        f'{"".join(said[-LAST_LINES:])}'
                    )
                seconds = time.perf_counter() - start
                cpu = _cpu_seconds(psutil.Process(training.pid))
            finally:
                training.kill()
    return dict(seconds=seconds, process_cpu_seconds=cpu)


def _cpu_seconds(process: psutil.Process) -> float:
    """Of a process and those it has started, so far."""
    times = [
        one.cpu_times() for one in (process, *process.children(recursive=True))
    ]
    return sum(one.user + one.system for one in times)
