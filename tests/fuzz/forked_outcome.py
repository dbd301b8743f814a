"""Outcome of a function in a forked process."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

MEMORY = 2 * 2**30
SECONDS = 20


def outcome(work: Callable[[], object]) -> str:
    """Run a function in a fork with limits of memory and time.

    Returns:
        'done: ' and what it returned, 'refused: ' and the text of the
        ``ValueError`` that it raised, 'raised: ' and the traceback of any
        other exception, or 'signal ' and the name of what ended it; that of
        the bound of time is SIGALRM.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work(work, writing)
    os.close(writing)
    with open(reading, 'rb') as file:
        said = file.read().decode(errors='surrogateescape')
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return f'signal {signal.Signals(os.WTERMSIG(status)).name}'
    return said or 'signal none, but it ended'


def _work(work: Callable[[], object], writing: int) -> None:
    said = ''
    try:
        # What a crash would print, and its image.
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(2, 1)
        pages = int(Path('/proc/self/statm').read_text().split()[0])
        bound = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        said = f'done: {work()}'
    except ValueError as error:
        said = f'refused: {error}'
    except BaseException:
        said = f'raised: {traceback.format_exc()}'
    finally:
        os.write(writing, said.encode(errors='surrogateescape')[:60000])
        os._exit(0)
