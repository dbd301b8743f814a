"""Training runs in forked processes, which saves a second of imports."""

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot
import torch
import torchvision
from mmengine.runner import Runner

import mixmae.datasets.transforms
import mixmae.evaluation
import mixmae.models
from mixmae.config.failure_report import STDERR
from tests.engine.free_port import free_port

# Modules that every run imports are shared by forked processes.
IMPORTED = (matplotlib, torchvision, mixmae)
# If the first backward pass of a process belongs to a compiled graph, backward
# passes in forked processes fail (seen in torch 2.12).
torch.zeros(1, requires_grad=True).sum().backward()
_started: list[multiprocessing.Process] = []


def start(
    work: Callable[[], None], log: Path, **variables: object
) -> multiprocessing.Process:
    """Fork a process that runs a function.

    After each test, remaining processes are killed (``tests/conftest.py``).

    Args:
        work: Function to run; SystemExit ends the process with its status.
        log: File for its stdout and stderr.
        variables: Additional environment variables.
    """

    def run() -> None:
        sys.stdout = sys.stderr = log.open('w', buffering=1)
        # The line of a process that ends at once is written there.
        os.dup2(sys.stderr.fileno(), STDERR)
        # Logging calls compilers; polling of workers is slow.
        Runner._log_env = lambda *_: None
        torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL = 0.2
        os.environ.update({k: str(v) for k, v in variables.items()})
        status = 0
        try:
            work()
        except SystemExit as stop:
            status = stop.code
        except BaseException:
            traceback.print_exc()
            status = 1
        finally:
            # Without the exit handlers of pytest.
            os._exit(status)

    process = multiprocessing.get_context('fork').Process(target=run)
    process.start()
    _started.append(process)
    return process


def start_two_ranks(
    work: Callable[[], None], folder: Path
) -> tuple[list[multiprocessing.Process], list[Path]]:
    """Fork two ranks on CPUs; return them and their logs, ``RANK.log``."""
    where = dict(WORLD_SIZE=2, MASTER_ADDR='127.0.0.1')
    where |= dict(MASTER_PORT=free_port(), CUDA_VISIBLE_DEVICES='')
    logs = [folder / f'{rank}.log' for rank in range(2)]
    ranks = [
        start(work, log, RANK=rank, LOCAL_RANK=rank, **where)
        for rank, log in enumerate(logs)
    ]
    return ranks, logs


def end_all() -> None:
    """Kill all processes that still run."""
    while _started:
        process = _started.pop()
        process.kill()
        process.join()
