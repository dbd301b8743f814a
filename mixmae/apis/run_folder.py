"""Output folder of a run that one call makes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixmae.engine.manifest.manifest import written_files
from mixmae.fileio.address import is_address, public_address
from mixmae.fileio.atomic_write import atomic_write
from mixmae.fileio.file_lock import WorkDirLock

CONFIG = 'config.py'
# Arguments of the call that made the folder.
CALL = 'call.json'


class RunFolder:
    """A new folder, or one that a call made.

    Args:
        path: The folder.
        resume: Whether its run may be resumed.
        overwrite: Whether its run may be replaced.

    Raises:
        ValueError: The folder holds another run or other files, or both
            arguments are true.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        if is_address(path):
            raise ValueError(
                f'out={public_address(str(path))} must be a local folder'
            )
        self.path = Path(path).expanduser()
        self.config = self.path / CONFIG
        # The config is a string in it, and MMEngine puts its folder there.
        if any(mark in str(self.path.absolute()) for mark in '\'"\\\n{}'):
            raise ValueError(
                f'out={self.path}: quotes, backslashes and braces are not '
                f'allowed in its path'
            )
        if resume and overwrite:
            raise ValueError('give resume or overwrite, not both')
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f'out={self.path} is a file')
        files = sorted(self.path.iterdir()) if self.path.is_dir() else []
        files = [one for one in files if not one.name.startswith('.')]
        if files and not self.config.is_file():
            raise ValueError(
                f'out={self.path} holds {files[0].name} and no run of mixmae: '
                f'name a new folder'
            )
        found = written_files(self.path, self.path)
        if found and not (resume or overwrite):
            raise ValueError(
                f'out={self.path} holds a run, up to {found[-1].name}: '
                f'use resume (--resume) to continue it, overwrite '
                f'(--overwrite) to start again, or another folder'
            )
        self.resumes = resume and self.config.is_file()

    def lock(self) -> WorkDirLock:
        """Make and lock the folder while it is written.

        Raises:
            ValueError: A run works there, or nothing can be written.
        """
        lock = WorkDirLock(self.path)
        try:
            lock.acquire()
        except ValueError as error:
            # The lock is also that of other commands.
            raise ValueError(str(error).replace('--work-dir', 'out')) from None
        return lock

    def record(self, arguments: Mapping[str, Any]) -> None:
        """Write the arguments of a call."""
        text = json.dumps(_plain(arguments), indent=1, sort_keys=True)
        with atomic_write(self.path / CALL) as partial:
            partial.write_text(text + '\n', encoding='utf-8')

    def compare(self, arguments: Mapping[str, Any]) -> None:
        """Compare the arguments of a call that resumes with those recorded.

        Raises:
            ValueError: One differs.
        """
        try:
            known = json.loads((self.path / CALL).read_text('utf-8'))
        except (OSError, ValueError):
            known = {}
        for name, value in _plain(arguments).items():
            if name in known and known[name] != value:
                raise ValueError(
                    f'{name}={value!r}, but the run in {self.path} has '
                    f'{known[name]!r}; what may change on the way: mixmae '
                    f'train {self.config} --work-dir {self.path} --resume '
                    f'--resume-with config --cfg-options max_epochs=...'
                )


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as JSON reads them, without those not given."""
    given = {k: v for k, v in arguments.items() if v not in (None, 'auto', {})}
    return json.loads(json.dumps(given, default=os.fspath))
