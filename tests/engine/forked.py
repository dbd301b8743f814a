"""A run of its own process, without a second's worth of imports."""

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

# What any run imports at its start is shared by those that are forked.
IMPORTED = (matplotlib, torchvision, mixmae)
# If the first backward pass of a process is one of a compiled graph, those
# that are forked from it refuse any (seen in torch 2.12).
torch.zeros(1, requires_grad=True).sum().backward()
_started: list[multiprocessing.Process] = []


def start(
    work: Callable[[], None], log: Path, **variables: object
) -> multiprocessing.Process:
    """Forks a process that does something and ends, or is ended.

    After each test all are killed that are left (``tests/conftest.py``).

    Args:
        work: what; SystemExit ends it with that status.
        log: file that receives its output and errors.
        variables: of its environment.
    """

    def run() -> None:
        sys.stdout = sys.stderr = log.open('w', buffering=1)
        # It would call compilers, and look after workers in no hurry.
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
            # Without what is to be done at the end of the tests.
            os._exit(status)

    process = multiprocessing.get_context('fork').Process(target=run)
    process.start()
    _started.append(process)
    return process


def end_all() -> None:
    """Kills those that still run, which nobody waits for any more."""
    while _started:
        process = _started.pop()
        process.kill()
        process.join()
