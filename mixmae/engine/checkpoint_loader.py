"""Loading checkpoints without running code that they might carry."""

import os
from pathlib import Path
from typing import Any

from mmengine.runner import CheckpointLoader

from mixmae.checkpoints import safe_load


def load_safely(path: str, map_location: Any = None) -> dict:
    """``safe_load``, as MMEngine calls a loader; always onto the CPU.

    Whoever loads the state copies it to where the parameters are.
    """
    return safe_load(path)


def last_checkpoint(work_dir: str | os.PathLike) -> Path | None:
    """The checkpoint a run wrote last, or None if it wrote none.

    MMEngine notes its path as seen from where the run was started; a folder
    that was moved, or is looked at from elsewhere, is understood too.
    """
    note = Path(work_dir) / 'last_checkpoint'
    if not note.is_file():
        return None
    noted = Path(note.read_text().strip())
    for path in (Path(work_dir) / noted.name, noted):
        if path.is_file():
            return path
    return None


def load_only_safely() -> None:
    """Let MMEngine's ``load_from``, ``resume`` and ``init_cfg`` load safely.

    On its own MMEngine falls back to unpickling anything, with a warning,
    when a safe load fails, and never loads URLs safely. Files and http(s)
    addresses are covered; other schemes (``s3://``, ``torchvision://``, ...)
    keep MMEngine's loaders. This holds for the whole process, so programs
    call it, not the library.
    """
    CheckpointLoader.register_scheme(
        ('', 'http://', 'https://'), loader=load_safely, force=True
    )
