"""Background thread that writes checkpoints in order; size of a checkpoint."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from mmengine.fileio import register_backend
from mmengine.fileio.backends import LocalBackend

from mixmae.fileio.atomic_write import (
    CheckpointWriteError,
    checksummed_write,
    remove,
)

# Records in a checkpoint by which MMEngine removes older files. They are not
# used: a checkpoint may come from anywhere, and only the run's own manifest
# says what the run may remove.
NOTED_FILES = re.compile(r'best_ckpt.*|(keep|outdated)_ckpt_ids|last_ckpt')
BACKEND = 'durable'
# Values that an optimizer stores per trained parameter.
STATES = {'Adam': 2, 'AdamW': 2, 'LAMB': 2, 'Lion': 1, 'SGD': 1, 'LARS': 1}
# Bytes of a value.
FLOAT = 4


def checkpoint_bytes(
    parameters: int, trained: int, optimizer: str = 'AdamW'
) -> int:
    """Return the size of a checkpoint with the state of the optimizer.

    Args:
        parameters: Number of parameters and values of buffers.
        trained: Number of trained parameters.
        optimizer: Optimizer class.
    """
    return FLOAT * (parameters + STATES.get(optimizer, 2) * trained)


class CheckpointWriter:
    """Queue of file operations that one thread runs in order.

    The error of a failed operation is raised by the next ``check``, ``put`` or
    ``finish``, and no later operation runs, so that no old checkpoint is
    removed in favour of one that was never written.
    """

    def __init__(self) -> None:
        self._begin()
        # A forked process has the queue but not the thread that empties it.
        if hasattr(os, 'register_at_fork'):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._pending: list[Future] = []
        self._error: CheckpointWriteError | None = None

    def forget(self) -> None:
        """Clear the error of an earlier training.

        It was raised there; no file was removed after the failed write.
        """
        with suppress(CheckpointWriteError):
            self.finish()
        self._error = None

    def put(self, operation: Callable[[], None]) -> None:
        """Queue an operation."""
        self.check()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, 'checkpoint-writer')
        self._pending.append(self._thread.submit(self._run, operation))

    def check(self) -> None:
        """Raise the error of the thread, if there is one."""
        self._pending = [one for one in self._pending if not one.done()]
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Wait for all operations, then check."""
        for one in self._pending:
            one.result()
        self.check()

    def _run(self, operation: Callable[[], None]) -> None:
        if self._error is not None:
            return
        try:
            operation()
        # Any exception: a thread can only store it for the next check.
        except Exception as error:
            name = getattr(error, 'filename', None) or 'a checkpoint'
            why = getattr(error, 'strerror', None) or repr(error)
            remedy = (
                'Earlier checkpoints are intact; free disk space or set '
                'another --work-dir, and continue with --resume'
            )
            if isinstance(error, FileNotFoundError):
                remedy = (
                    'Restore it and continue with --resume, or start a new run'
                )
            self._error = CheckpointWriteError(
                f'{name} could not be written: {why}. {remedy}'
            )


# One per process: MMEngine builds its backends itself, several times, and they
# share the writer.
WRITER = CheckpointWriter()


class DurableBackend(LocalBackend):
    """MMEngine's local files with atomic, checksummed writes by ``WRITER``.

    Use it with ``CheckpointHook(backend_args=dict(backend='durable'))``;
    ``DurableCheckpointHook`` uses it by default.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Queue the write of a file; see ``checksummed_write``."""
        # At most one checkpoint waits in memory.
        WRITER.finish()
        WRITER.put(lambda: checksummed_write(filepath, obj))

    def remove(self, filepath: str | os.PathLike) -> None:
        """Queue the removal of a file and its sidecar."""
        WRITER.put(lambda: remove(filepath))


register_backend(BACKEND, DurableBackend, force=True)
