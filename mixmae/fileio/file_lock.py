"""Lock of an open file, held by a process until it ends or closes it."""

from __future__ import annotations

import errno

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
    """Lock a file without waiting.

    The lock is a POSIX lock (``fcntl.lockf``): forked processes do not
    inherit it, the kernel releases it when the process ends, and NFS supports
    it.

    Args:
        handle: Descriptor of the file, open for writing.

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
