"""Locks: of an open file, and of the work folder of a run."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from mmengine.logging import print_log

from mixmae.fileio.safe_path import SpecialFileError, own_file

try:
    import fcntl
# Windows has no fcntl.
except ImportError:
    fcntl = None  # type: ignore[assignment]

# Error codes of file systems without locks.
UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class NoLocksError(OSError):
    """The system or the file system does not support locks."""


def lock_file(handle: int) -> bool:
    """Lock a file that is open for writing, without waiting.

    The lock is a POSIX lock (``fcntl.lockf``): forked processes do not
    inherit it, the kernel releases it when the process ends, and NFS supports
    it.

    Returns:
        Whether the file is locked; False if another process holds the lock.

    Raises:
        NoLocksError: Locks are not supported there.
    """
    if fcntl is None:
        raise NoLocksError(errno.ENOSYS, 'this system has no POSIX locks')
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        if error.errno not in UNSUPPORTED:
            raise
        raise NoLocksError(error.errno, error.strerror) from None
    return True


NAME = '.lock'
# How the content of a lock begins.
SIGNATURE = b'{"pid": '
# Network file systems keep the locks of a machine that died for a while.
WAIT = 120.0


class WorkDirLock:
    """Held by the first rank of a run for as long as its process lives.

    The kernel releases it when the process ends for any reason, so a lock is
    never stale, and a run that torchrun or Slurm starts again gets it; see
    ``lock_file``. Where there are no locks, a warning is logged, and nothing
    is refused.

    Args:
        folder: Work folder of the run; it is created if missing.
        wait: Seconds to wait for the lock of another machine, which may just
            have died; a run on this machine is refused at once.
    """

    def __init__(self, folder: str | os.PathLike, wait: float = WAIT) -> None:
        self.folder = Path(folder)
        self.wait = wait
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            ValueError: Another run holds it, nothing can be written there, or
                the file of its name is something else.
        """
        path = self.folder / NAME
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = own_file(path, os.O_RDWR | os.O_CREAT)
        except SpecialFileError as error:
            raise ValueError(
                f'{path} cannot be used as lock file: {error.strerror}; '
                'remove it, or set another folder with --work-dir'
            ) from None
        except OSError as error:
            raise ValueError(
                f'the work folder {self.folder} is not writable: '
                f'{error.strerror}; set another one with --work-dir'
            ) from error
        deadline = time.monotonic() + self.wait
        while not self._locked():
            holder = self._holder()
            mine = holder.get('host') == socket.gethostname()
            if mine or time.monotonic() > deadline:
                self.release()
                raise ValueError(
                    f'another run uses {self.folder}: process '
                    f'{holder.get("pid", "?")} on {holder.get("host", "?")}, '
                    f'since {holder.get("since", "?")}; stop it, wait for its '
                    'end, or set another folder with --work-dir'
                )
            time.sleep(1)
        if not self._content().startswith(SIGNATURE):
            self.release()
            raise ValueError(
                f'{path} is not a lock file and would be overwritten; move '
                'it, or set another folder with --work-dir'
            )
        self._sign()

    def release(self) -> None:
        """Release the lock; the end of the process does so as well."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _locked(self) -> bool:
        assert self._file is not None
        try:
            return lock_file(self._file)
        except NoLocksError as error:
            print_log(
                f'{self.folder} cannot be locked ({error.strerror}): a second '
                'run in it would not be detected',
                'current',
                logging.WARNING,
            )
        return True

    def _holder(self) -> dict:
        try:
            found = json.loads(self._content())
        except ValueError:
            found = {}
        return found if isinstance(found, dict) else {}

    def _content(self) -> bytes:
        """Return the content of the file, ``SIGNATURE`` if it is empty."""
        assert self._file is not None
        try:
            os.lseek(self._file, 0, os.SEEK_SET)
            return os.read(self._file, 4096) or SIGNATURE
        except OSError:
            return SIGNATURE

    def _sign(self) -> None:
        """Write who holds it, for the message to the next run."""
        assert self._file is not None
        holder = {
            'pid': os.getpid(),
            'host': socket.gethostname(),
            'since': time.strftime('%Y-%m-%d %H:%M:%S'),
        }
        # The lock holds even if the disk is full.
        with suppress(OSError):
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, json.dumps(holder).encode())
