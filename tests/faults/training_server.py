"""Server that starts trainings in a fraction of a second.

A process that has imported everything waits, and forks one training after the
other: ``tools/train.py`` itself, as ``__main__``, in a session of its own.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRAIN = ROOT / 'tools/train.py'
ENVIRONMENT = dict(
    OMP_NUM_THREADS='1',
    OMP_WAIT_POLICY='PASSIVE',
    CUDA_VISIBLE_DEVICES='',
    PYTHONPATH=str(ROOT),
)


MODULES = (
    'torch._dynamo',
    'torch.distributed',
    'torchvision.models',
    'matplotlib.pyplot',
    'mixmae.datasets',
    'mixmae.cli.command_line',
    'mixmae.engine.hooks',
    'mixmae.engine.loops',
    'mixmae.engine.optimizers',
    'mixmae.evaluation',
    'mixmae.models',
    'tests.engine.tiny_run',
)
# Longer trainings are treated as hanging, also on slow machines.
SECONDS = 300


class StillRunningError(AssertionError):
    """A training has not ended within its time limit."""


class Training:
    """One process of a training, and its workers."""

    def __init__(self, pid: int, server: TrainingServer, log: Path) -> None:
        self.pid = pid
        self.log = log
        self._server = server
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal; None if it runs."""
        if self._status is None:
            self._status = self._server.ask(status=self.pid)
        return self._status

    def wait(self, seconds: float = SECONDS) -> int:
        """Return the exit status.

        Raises:
            StillRunningError: it runs longer than that; it is killed.
        """
        end = time.monotonic() + seconds
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                self.kill()
                raise StillRunningError(
                    f'not ended after {seconds} s: {self.tail()}'
                )
            time.sleep(0.01)
        return status

    def kill(self) -> None:
        """Send SIGKILL to the process and its workers, and wait."""
        self.signal(signal.SIGKILL)
        while self.poll() is None:
            time.sleep(0.002)

    def signal(self, number: int, alone: bool = False) -> None:
        """Send a signal to the process, alone or with its workers."""
        with contextlib.suppress(ProcessLookupError):
            # Not waited for by the server before `poll` says so: the number
            # is nobody else's.
            (os.kill if alone else os.killpg)(self.pid, number)

    def tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors='replace')[-3000:]


class TrainingServer:
    """Handle of the waiting server process; a context manager."""

    def __enter__(self) -> TrainingServer:
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'tests.faults.training_server'],
            cwd=ROOT,
            env=dict(os.environ, **ENVIRONMENT),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # The harness handles Ctrl-C.
            start_new_session=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, **request: object) -> int | None:
        """Send a request and return the answer."""
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError('the training server has ended')
        return json.loads(line)

    def start(
        self, arguments: list[str], environment: dict[str, str], log: Path
    ) -> Training:
        """Fork a training; its output is appended to ``log``."""
        pid = self.ask(
            arguments=arguments, environment=environment, log=str(log)
        )
        return Training(pid, self, log)


def _import_everything() -> None:
    """Import all that a training needs, and fill MMEngine's caches."""
    for name in MODULES:
        # Not all modules are installed in every tier.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    runner = importlib.import_module('mmengine.runner.runner')
    yapf = importlib.import_module('yapf.yapflib.yapf_api')
    # Compilers and GPUs of this machine, for the log.
    found = runner.collect_env()
    runner.collect_env = lambda: dict(found)
    # Checkpoints contain the config; formatting it is slow.
    yapf.FormatCode = lambda text, **_: (text, True)


def _become(request: dict) -> list[str]:
    """Turn the forked process into the requested training."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request['log'], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.update(request['environment'])
    return [str(TRAIN), *request['arguments']]


def _serve() -> list[str]:
    """Answer requests until the connection is closed.

    Returns:
        In a forked process only: what shall be its ``sys.argv``.
    """
    alive = set()
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        answer = None
        if 'arguments' in request:
            answer = os.fork()
            if not answer:
                answers.close()
                return _become(request)
            alive.add(answer)
        elif request['status'] in alive:
            pid, status = os.waitpid(request['status'], os.WNOHANG)
            if pid:
                alive.discard(pid)
                answer = os.waitstatus_to_exitcode(status)
        print(json.dumps(answer), file=answers, flush=True)
    for pid in alive:
        os.killpg(pid, signal.SIGKILL)
    sys.exit()


if __name__ == '__main__':
    _import_everything()
    gc.freeze()
    sys.argv = _serve()
    runpy.run_path(sys.argv[0], run_name='__main__')
