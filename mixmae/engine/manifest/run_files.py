"""Checkpoints that a run lists, rotates and removes."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.fileio.backends import LocalBackend
from mmengine.runner import Runner

from mixmae.checkpoints.io.checkpoint_writer import WRITER
from mixmae.config.failure_report import FULL, REMOVED
from mixmae.datasets.corrupt.corrupt_file_list import REGISTER
from mixmae.engine.manifest.manifest import (
    INTERRUPTED,
    NAME,
    NOTE,
    Manifest,
    RunFolders,
    WrittenFile,
    files_before,
    is_plain_name,
    is_written_name,
)
from mixmae.engine.manifest.run_record import RunRecord
from mixmae.fileio.atomic_write import (
    SIDECAR,
    remove_partials,
    write_text_durably,
)

# Key in the message hub: names of the best checkpoints by MMEngine's keys.
BEST_FILES = 'best_files'


class RunFiles:
    """The manifest of a run during training; on the main rank only.

    A file is listed before it is written, and only listed files are removed.
    The manifest is written at once. A run that resumes from a checkpoint in
    its own folder takes over the list of that folder; later checkpoints are
    superseded.

    Args:
        runner: The runner, before its first iteration.
        folder: Folder of the checkpoints.
        backend: MMEngine file backend for ``folder``.
    """

    def __init__(self, runner: Runner, folder: str, backend: Any) -> None:
        self.work_dir = Path(runner.work_dir)
        self.folder = folder
        self.backend = backend
        self.template = RunFolders.of(runner.cfg).template
        record = RunRecord.of(runner)
        self._record = record.to_json()
        length = record.loader.iterations if record.loader else 0
        self.manifest = Manifest(record, self._taken_over(runner, length))
        try:
            if isinstance(backend, LocalBackend):
                os.makedirs(folder, exist_ok=True)
            self.manifest.write(self.work_dir)
        except OSError as error:
            # Reported as a full disk; see ``failure_line``.
            if error.errno in FULL:
                raise
            raise ValueError(
                f'the work folder {self.work_dir} is not writable: '
                f'{error.strerror}'
            ) from error

    def _taken_over(
        self, runner: Runner, epoch_length: int
    ) -> dict[str, WrittenFile]:
        """Return the checkpoints of the run that this one resumes."""
        if runner.iter == 0 or not _resumes_in(runner, self.folder):
            return {}
        folders = RunFolders(self.work_dir, Path(self.folder), self.template)
        files = _listed(folders, runner.iter, epoch_length)
        start = os.path.basename(str(runner.cfg.get('load_from') or ''))
        if is_plain_name(start):
            known = files.get(start)
            kind = known.kind if known else 'checkpoint'
            files[start] = WrittenFile(
                'interrupted' if start == INTERRUPTED else kind,
                runner.epoch,
                runner.iter,
                rotates=known.rotates if known else False,
            )
        kept = {}
        for name, one in files.items():
            path = self.path(name)
            # They stay where they are if the config sets another folder.
            if self.backend.exists(path) or (self.work_dir / name).exists():
                one.superseded = one.superseded or one.iter > runner.iter
                kept[name] = one
            elif self.backend.exists(path + SIDECAR):
                # The run was killed while it removed them.
                self.backend.remove(path)
        return kept

    def remove_partials(self) -> None:
        """Queue the removal of what a killed run left half-written."""

        def is_ours(name: str) -> bool:
            name = name.removesuffix(SIDECAR)
            return name in (NAME, NOTE, REGISTER) or is_written_name(
                name, self.template
            )

        for folder in {self.folder, str(self.work_dir)}:
            WRITER.put(partial(remove_partials, folder, is_ours))

    def plan(
        self,
        name: str,
        kind: str,
        place: Mapping[str, int],
        rotates: bool = False,
    ) -> WrittenFile | None:
        """List a ``WrittenFile`` to come; return the previous one of its name.

        ``place`` is the 'epoch' and 'iter' of the checkpoint.
        """
        before = self.manifest.files.get(name)
        self.manifest.files[name] = WrittenFile(
            kind, place['epoch'], place['iter'], rotates
        )
        self.write()
        return before

    def relist(self, name: str, listed: WrittenFile | None) -> None:
        """Undo ``plan``, given its return value."""
        self.manifest.files.pop(name, None)
        if listed is not None:
            self.manifest.files[name] = listed

    def meta(self, place: Mapping[str, int]) -> dict[str, Any]:
        """Return the meta of a checkpoint, with the run's settings."""
        return {**place, 'run': self._record}

    def rotate(self, keep: int) -> None:
        """Queue the removal of all but the newest checkpoints."""
        rotating = [
            name
            for name, one in self.manifest.current('checkpoint').items()
            if one.rotates
        ]
        for name in rotating[:-keep]:
            self.remove(name)

    def remove(self, name: str) -> None:
        """Queue the removal of a listed file; it may be missing."""
        if self.manifest.files.pop(name, None) is not None:
            self.backend.remove(self.path(name))

    def path(self, name: str) -> str:
        """Return the path of a file."""
        return self.backend.join_path(self.folder, name)

    def best(self, noted: Any) -> dict[str, str]:
        """Return paths of the best checkpoints that a resumed state names.

        Args:
            noted: ``BEST_FILES`` of the message hub. It comes from a file, so
                names that this run has not listed are ignored.
        """
        if not isinstance(noted, Mapping):
            return {}
        listed = self.manifest.current('best')
        return {
            str(key): self.path(name)
            for key, name in noted.items()
            if is_plain_name(name) and name in listed
        }

    def write(self) -> None:
        """Queue a write of the current manifest.

        The writer raises if a folder of the run is missing: it is not created
        again, since its log and checkpoints are lost.
        """
        text = self.manifest.text()

        def write() -> None:
            for folder in (str(self.work_dir), self.folder):
                if not self.backend.exists(folder):
                    raise FileNotFoundError(errno.ENOENT, REMOVED, folder)
            write_text_durably(self.work_dir / NAME, text)

        WRITER.put(write)


def best_files(info: Mapping[str, Any]) -> dict[str, str]:
    """Return names of the best checkpoints; MMEngine stores paths."""
    return {
        key: os.path.basename(path)
        for key, path in info.items()
        if key.startswith('best_ckpt') and isinstance(path, str)
    }


def _resumes_in(runner: Runner, folder: str) -> bool:
    """Return True if the run resumes from a checkpoint in its own folder."""
    start = runner.cfg.get('load_from')
    # MMEngine searches the work folder.
    if not start:
        return True
    start = os.path.expanduser(str(start))
    places = {os.path.realpath(one) for one in (folder, runner.work_dir)}
    return os.path.realpath(os.path.dirname(start)) in places


def _listed(
    folders: RunFolders, iteration: int, epoch_length: int
) -> dict[str, WrittenFile]:
    """Return the manifest's checkpoints; without one, match names."""
    with suppress(ValueError):
        found = Manifest.read(folders.work_dir)
        if found is not None:
            return found.files
    # They are found on resume, but never removed.
    return files_before(folders, iteration, epoch_length)
