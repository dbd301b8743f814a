"""Best checkpoint of a run, for tests, predictions and initial weights."""

from __future__ import annotations

import os
from pathlib import Path


def best_checkpoint(path: str | os.PathLike) -> str:
    """Return a checkpoint: the given file, or the best one of a run's folder.

    It is chosen by name and time, and not opened. ``last_checkpoint``
    (``checkpoint_search``), by contrast, returns the newest intact one, which
    a resume continues from.

    Args:
        path: A file, a name or an address; or the output folder of a run, for
            its best checkpoint, or else its last one.

    Raises:
        ValueError: The folder has no checkpoint.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return str(path)
    best = sorted(folder.glob('best_*.pth'), key=os.path.getmtime)
    last = sorted(folder.glob('*.pth'), key=os.path.getmtime)
    last = [one for one in last if one.name.startswith(('epoch_', 'iter_'))]
    if not best + last:
        raise ValueError(f'the folder {path} has no checkpoint of a run')
    return str((best or last)[-1])
