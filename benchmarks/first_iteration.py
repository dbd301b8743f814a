"""How long a training takes from its command to its first iteration."""

from __future__ import annotations

import runpy
import sys
import tempfile
import time
from typing import Any
from unittest.mock import patch

import psutil  # type: ignore[import-untyped]
from mmengine.runner import Runner

from benchmarks.contender import ROOT

TRAIN = ROOT / 'tools/train.py'


class Arrived(BaseException):
    """The first iteration is done; no handler of errors holds it up."""


def measure(settings: dict[str, Any]) -> dict[str, Any]:
    """Seconds from the start of this process to the end of an iteration.

    Args:
        settings: ``config``, and ``data``, the folder of its images.
    """
    call_hook = Runner.call_hook

    def watch(self: Runner, name: str, **context: Any) -> None:
        call_hook(self, name, **context)
        if name == 'after_train_iter':
            raise Arrived

    data = f'train_dataloader.dataset.data_root={settings["data"]}'
    arrived = float('nan')
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = [str(TRAIN), settings['config'], '--no-validate']
        sys.argv += ['--work-dir', folder, '--cfg-options', data]
        with patch.object(Runner, 'call_hook', watch):
            try:
                runpy.run_path(str(TRAIN), run_name='__main__')
            except Arrived:
                arrived = time.time()
    began = psutil.Process().create_time()
    return dict(seconds=arrived - began, modules=len(sys.modules))
