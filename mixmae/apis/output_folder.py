"""Output folder of one call: a pretraining, or a fine-tuning."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mixmae.engine.manifest.manifest import RunFolders, written_files
from mixmae.fileio.address import is_address, public_address
from mixmae.fileio.atomic_write import atomic_write, check_output
from mixmae.fileio.file_lock import WorkDirLock

CONFIG = 'config.py'
# Arguments of the call that made the folder.
CALL = 'call.json'
# Converted weights, which a call may name as those to start from.
INIT = 'init.pth'
# What a call writes before its training: config, lists of images, converted
# weights, and the call itself.
WRITTEN = (CONFIG, CALL, 'data', INIT)


class OutputFolder:
    """Output folder of a call: a new one, or that of an earlier call.

    Raises:
        ValueError: The folder holds another run or other files, or both
            ``resume`` and ``overwrite`` are true.
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
        self.overwrite = overwrite
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
        found = written_files(RunFolders(self.path, self.path))
        if found and not (resume or overwrite):
            raise ValueError(
                f'out={self.path} holds a run, up to {found[-1].name}: '
                f'use resume (--resume) to continue it, overwrite '
                f'(--overwrite) to start again, or another folder'
            )
        self.resumes = resume and self.config.is_file()

    @contextmanager
    def locked(self) -> Iterator[None]:
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
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def replacing(self, keep: bool = True) -> Iterator[None]:
        """Set the config and data of an earlier call aside for new ones.

        They return after an error, unless the training has replaced a
        checkpoint by then. A new folder keeps what was recorded, for another
        try.

        Args:
            keep: Whether the new files stay if there is no error; otherwise
                the earlier ones return.

        Raises:
            ValueError: Nothing can be written there.
        """
        is_new = not self.path.exists()
        check_output(self.config)
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with TemporaryDirectory(prefix='.before_', dir=self.path) as aside:
                yield from self._replaced(Path(aside), keep)
        finally:
            if is_new and not (self.path / CALL).exists():
                _remove(self.path)

    def _replaced(self, aside: Path, keep: bool) -> Iterator[None]:
        checkpoints = self._checkpoints()
        before = [one for one in WRITTEN if (self.path / one).exists()]
        for name in before:
            if name == INIT:
                shutil.copy2(self.path / name, aside)
            else:
                (self.path / name).rename(aside / name)
        done = False
        try:
            yield
            done = keep
        finally:
            recorded = keep and (self.path / CALL).exists()
            untouched = bool(checkpoints) and (
                checkpoints == self._checkpoints()
            )
            if not done and (not recorded or untouched):
                for name in WRITTEN:
                    _remove(self.path / name)
                for name in before:
                    (aside / name).rename(self.path / name)

    def _checkpoints(self) -> dict[Path, int]:
        """Return the files of the run that the folder holds, with times."""
        found = written_files(RunFolders(self.path, self.path))
        return {one: one.lstat().st_mtime_ns for one in found}

    def record(self, arguments: Mapping[str, Any]) -> None:
        """Write the arguments of a call."""
        text = json.dumps(_plain(arguments), indent=1, sort_keys=True)
        with atomic_write(self.path / CALL) as partial:
            partial.write_text(text + '\n', encoding='utf-8')

    def compare(self, arguments: Mapping[str, Any], options: type) -> None:
        """Compare the arguments of a call that resumes with those recorded.

        Args:
            options: Dataclass with their defaults, which count as recorded.
                ``devices`` may change; the training compares their number.

        Raises:
            ValueError: One differs.
        """
        try:
            recorded = json.loads((self.path / CALL).read_text('utf-8'))
        except (OSError, ValueError):
            return
        defaults = {
            one.name: one.default
            for one in fields(options)
            if one.default is not MISSING
        }
        known = {**_plain(defaults), **recorded}
        for name, value in _plain(arguments).items():
            same = _several(known.get(name)) == _several(value)
            if not same and name != 'devices':
                has = repr(known[name]) if name in known else 'none'
                key = 'data_root' if name == 'data' else 'max_epochs'
                raise ValueError(
                    f'{name}={value!r}, but the run in {self.path} has '
                    f'{has}; what may change on the way: mixmae '
                    f'train {self.config} --work-dir {self.path} --resume '
                    f'--resume-with config --cfg-options {key}=...'
                )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _several(value: Any) -> Any:
    """Return one path as the list that it stands for."""
    return [value] if isinstance(value, str) else value


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as JSON reads them, without those not given."""
    given = {k: v for k, v in arguments.items() if v not in (None, 'auto', {})}
    return json.loads(json.dumps(given, default=os.fspath))
