"""Commands whose processor time is known even if they are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from benchmarks.candidate import end_with_parent
from mixmae.config.failure_report import EXIT_INTERRUPTED
from mixmae.fileio.atomic_write import atomic_write


class Interrupted(Exception):
    """SIGTERM or Ctrl-C; the command has saved its state."""


class Account:
    """Processor seconds by stage, in a file that outlives the process.

    Args:
        path: JSON file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seconds: dict[str, float] = {}
        if path.exists():
            self.seconds = json.loads(path.read_text())

    def set(self, stage: str, seconds: float) -> None:
        """Write the seconds of a stage so far."""
        self.seconds[stage] = round(seconds, 1)
        with atomic_write(self.path) as partial:
            partial.write_text(json.dumps(self.seconds))


def processor_seconds(pid: int) -> float:
    """Return the CPU time of a process, its descendants and ended children."""
    # Needed only by runs, not by the list of runs and the page.
    import psutil

    total = 0.0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
            total += times.children_user + times.children_system
    except psutil.Error:
        pass
    return total


def _waited_for() -> float:
    """Return the processor seconds of all child processes that have ended."""
    usage = os.times()
    return usage.children_user + usage.children_system


def run(
    command: Sequence[str],
    account: Account,
    stage: str,
    log: Path,
    cwd: Path,
    interval: float = 5.0,
) -> None:
    """Run a command; its output goes to a file.

    Args:
        command: The program and its arguments.
        account: Its processor seconds are added here.
        stage: Name of the entry in the account.
        log: Standard output and error are appended to this file.
        cwd: Working directory.
        interval: Seconds between two updates of the account.

    Raises:
        Interrupted: This process got SIGTERM or SIGINT; the command got
            SIGTERM and has ended.
        RuntimeError: The command failed.
    """
    before = account.seconds.get(stage, 0.0)
    waited = _waited_for()
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    # One thread fills one core; the caller's environment has priority. The
    # modules are those of this checkout, not of an installed one.
    environment = {'OMP_NUM_THREADS': '1', **os.environ}
    environment['PYTHONPATH'] = str(cwd)
    handlers = {
        number: signal.signal(number, note)
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        with log.open('a') as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=environment,
                # Ctrl-C reaches it only as the SIGTERM below.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
            spent = 0.0
            while process.poll() is None:
                spent = max(spent, processor_seconds(process.pid))
                account.set(stage, before + spent)
                if stop.wait(interval):
                    process.terminate()
                    process.wait()
        account.set(stage, before + max(spent, _waited_for() - waited))
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if stop.is_set() or process.returncode == EXIT_INTERRUPTED:
        raise Interrupted
    if process.returncode:
        last = log.read_text(errors='replace').strip().splitlines()[-1:]
        raise RuntimeError(
            f'{" ".join(command[1:3])} ended with {process.returncode}: '
            f'{"".join(last)} (see {log})'
        )
