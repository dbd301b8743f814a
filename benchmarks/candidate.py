"""A benchmark candidate, measured in a fresh process.

    python -m benchmarks.candidate MODULE:FUNCTION < settings.json

calls the function with the settings and prints its result as one line of JSON,
with time and memory of the process. Output of the function and its libraries
goes to stderr. This module imports nothing heavy, so that each candidate
determines its imports.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

try:
    import resource
# Windows has no resource.
except ImportError:
    resource = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parents[1]
PR_SET_PDEATHSIG = 1
Figures = dict[str, Any]


class CandidateError(Exception):
    """A candidate could not be measured; the message is one line.

    Attributes:
        said: Output of its process on stderr.
    """

    def __init__(self, line: str, said: str = '') -> None:
        super().__init__(line)
        self.said = said


class CandidateTimeout(CandidateError):
    """A candidate exceeded its time limit."""


@dataclass(frozen=True)
class Candidate:
    """A named function of settings.

    Attributes:
        name: Name in the table.
        entry: A function, or its name as 'package.module:function' or
            'folder/file.py:function'. It takes the settings and returns
            figures: a dict that can be written as JSON. Each number in it is
            summarised.
        settings: Values that can be written as JSON.
        environment: Additional environment variables of the process.
    """

    name: str
    entry: str | Callable[[dict[str, Any]], Figures]
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def entry_name(self) -> str:
        """Return the name of the entry, also for a function of this script."""
        if isinstance(self.entry, str):
            return self.entry
        module = self.entry.__module__
        if module == '__main__':
            main = sys.modules['__main__']
            spec = main.__spec__
            module = spec.name if spec else os.path.abspath(str(main.__file__))
        return f'{module}:{self.entry.__qualname__}'

    def measure(self, seconds: float | None = None) -> Figures:
        """Return the figures of one run in a fresh process.

        Args:
            seconds: Time limit of the process (None: no limit).

        Returns:
            The result of the entry, with ``process_seconds``,
            ``process_cpu_seconds`` of all threads (unless the entry sets it)
            and ``process_peak_bytes`` of resident memory.

        Raises:
            CandidateError: It failed or was killed.
            CandidateTimeout: It exceeded the time limit.
        """
        paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
        environment = {
            **os.environ,
            'PYTHONPATH': os.pathsep.join(filter(None, paths)),
            **self.environment,
        }
        start = time.perf_counter()
        # A separate process group, which is killed as a whole.
        with subprocess.Popen(
            [sys.executable, '-m', __name__, self.entry_name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        ) as process:
            try:
                out, said = process.communicate(
                    json.dumps(dict(self.settings)), seconds
                )
            except subprocess.TimeoutExpired:
                _end(process)
                said = process.communicate()[1]
                raise CandidateTimeout(
                    f'took longer than {seconds:.0f} s', said
                ) from None
            except BaseException:
                _end(process)
                raise
        took = time.perf_counter() - start
        lines = out.splitlines()
        answer = json.loads(lines[-1]) if lines else {}
        if process.returncode or 'figures' not in answer:
            raise CandidateError(
                answer.get('error') or _exit_reason(process.returncode, said),
                said,
            )
        return {**answer['figures'], 'process_seconds': took}


def _end(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _exit_reason(status: int, said: str) -> str:
    """Return the reason why a process ended without a result."""
    if status < 0:
        name = signal.Signals(-status).name
        hint = ': out of memory?' if name == 'SIGKILL' else ''
        return f'ended by {name}{hint}'
    return f'exit {status}: {(said.strip().splitlines() or ["silent"])[-1]}'


def end_with_parent() -> None:
    """End this process by SIGKILL when the one that started it ends.

    It would continue, disturb whatever is measured next, and hold its work
    folder. On Linux only.
    """
    if sys.platform == 'linux':
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def peak_bytes() -> int:
    """Return the peak resident memory of this process, 0 where unknown."""
    status = Path('/proc/self/status')
    # getrusage includes the parent process.
    for line in status.read_text().splitlines() if status.is_file() else ():
        if line.startswith('VmHWM:'):
            return 1024 * int(line.split()[1])
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else 1024 * peak


def function_of(entry: str) -> Callable[[dict[str, Any]], Figures]:
    """Return the function with the name of an entry."""
    place, _, name = entry.rpartition(':')
    if not place.endswith('.py'):
        return getattr(importlib.import_module(place), name)
    spec = importlib.util.spec_from_file_location(Path(place).stem, place)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


def main() -> None:
    """Measure one candidate in this process."""
    end_with_parent()
    answer: dict[str, Any]
    # Libraries may print to stdout; the result uses a separate descriptor.
    with os.fdopen(os.dup(1), 'w') as door:
        os.dup2(2, 1)
        try:
            figures = dict(function_of(sys.argv[1])(json.load(sys.stdin)))
            figures.setdefault('process_cpu_seconds', time.process_time())
            figures['process_peak_bytes'] = peak_bytes()
            answer = {'figures': figures}
        except Exception as error:
            traceback.print_exc()
            text = ' '.join(str(error).split())
            answer = {'error': f'{type(error).__name__}: {text}'}
        door.write(json.dumps(answer) + '\n')
    if 'error' in answer:
        sys.exit(1)


if __name__ == '__main__':
    main()
