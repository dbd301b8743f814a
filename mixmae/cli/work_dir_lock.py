"""One run in a work folder at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import time
from pathlib import Path

from mmengine.logging import print_log

from mixmae.fileio.regular_file import SpecialFileError, own_file

NAME = '.lock'
# How the content of a lock begins.
SIGNATURE = b'{"pid": '
# Of file systems without locks.
UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
# Network file systems keep the locks of a machine that died for a while.
WAIT = 120.0


class WorkDirLock:
    """Held by the first rank of a run for as long as its process lives.

    The kernel frees it at the process's end, whatever ends it, so a lock is
    never stale, and a run that torchrun or Slurm starts again gets it. It is
    a POSIX lock (``fcntl.lockf``): processes that the run forks, such as the
    loader's, do not hold it, and NFS knows it. Where the file system has no
    locks a warning says so, and nothing is refused.

    Args:
        folder: of the run; it is made if need be.
        wait: seconds to wait for the lock of another machine, which may just
            have died; a run on this one is refused at once.
    """

    def __init__(self, folder: str | os.PathLike, wait: float = WAIT) -> None:
        self.folder = Path(folder)
        self.wait = wait
        self._file: int | None = None

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            ValueError: another run has it, nothing can be written there, or
                the file of its name is something else.
        """
        path = self.folder / NAME
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = own_file(path, os.O_RDWR | os.O_CREAT)
        except SpecialFileError as error:
            raise ValueError(
                f'{path} cannot be the lock of a run: {error.strerror}; '
                f'remove it, or name another folder with --work-dir'
            ) from None
        except OSError as error:
            raise ValueError(
                f'nothing can be written to the work folder {self.folder}: '
                f'{error.strerror}; name another one with --work-dir'
            ) from error
        deadline = time.monotonic() + self.wait
        while not self._locked():
            holder = self._holder()
            mine = holder.get('host') == socket.gethostname()
            if mine or time.monotonic() > deadline:
                self.release()
                raise ValueError(
                    f'another run works in {self.folder}: process '
                    f'{holder.get("pid", "?")} on {holder.get("host", "?")}, '
                    f'since {holder.get("since", "?")}; end it, wait for its '
                    f'end, or name another folder with --work-dir'
                )
            time.sleep(1)
        if not self._content().startswith(SIGNATURE):
            self.release()
            raise ValueError(
                f'{path} is not the lock of a run, and would be overwritten; '
                f'move it away, or name another folder with --work-dir'
            )
        self._sign()

    def release(self) -> None:
        """Gives the lock back; the end of the process does so as well."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _locked(self) -> bool:
        assert self._file is not None
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            if error.errno not in UNSUPPORTED:
                raise
            print_log(
                f'{self.folder} lies on a file system without locks '
                f'({error.strerror}): a second run in it would not be '
                f'noticed',
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
        """What the file says; of an empty one, how that of a lock begins."""
        assert self._file is not None
        try:
            return os.pread(self._file, 4096, 0) or SIGNATURE
        except OSError:
            return SIGNATURE

    def _sign(self) -> None:
        """Notes who has it, for the message of the next one."""
        assert self._file is not None
        text = json.dumps(
            dict(
                pid=os.getpid(),
                host=socket.gethostname(),
                since=time.strftime('%Y-%m-%d %H:%M:%S'),
            )
        )
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, text.encode(), 0)
        # A full disk: the lock holds all the same.
        except OSError:
            pass
