"""Folder of a pack during the work."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mixmae.datasets.packed.sample_table import JOURNAL
from mixmae.fileio.file_lock import NoLocksError, lock_file
from mixmae.fileio.safe_path import own_file


@contextmanager
def held_folder(partial: Path, made: dict[str, Any]) -> Iterator[None]:
    """Hold the folder of an unfinished pack, new or existing.

    Args:
        partial: The folder.
        made: Source and settings of the pack.

    Raises:
        ValueError: The folder is of another pack, or another process holds
            it.
    """
    journal = partial / JOURNAL
    if partial.is_symlink():
        raise ValueError(f'{partial} is a symbolic link; remove it')
    if partial.exists() and not journal.exists() and os.listdir(partial):
        raise ValueError(
            f'{partial} exists but was not written by mixmae pack; move it'
        )
    partial.mkdir(parents=True, exist_ok=True)
    with open(journal, 'a+', encoding='utf-8', opener=own_file) as file:
        _lock(file.fileno(), partial)
        file.seek(0)
        text = file.read()
        noted = json.dumps(made, sort_keys=True)
        if text and text != noted:
            raise ValueError(
                f'{partial} was started from other files or with other '
                'settings; remove it to start again, or use the same ones'
            )
        if not text:
            file.write(noted)
            file.flush()
            os.fsync(file.fileno())
        try:
            yield
        finally:
            if os.path.exists(partial) and os.listdir(partial) == [JOURNAL]:
                # There is nothing to resume from.
                journal.unlink()
                partial.rmdir()


def _lock(handle: int, partial: Path) -> None:
    # Without locks: all writes are atomic, and both processes would write
    # the same.
    with contextlib.suppress(NoLocksError):
        if not lock_file(handle):
            raise ValueError(
                f'another process is packing into {partial}; wait for it, or '
                'choose another folder'
            )
