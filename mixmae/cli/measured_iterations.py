"""Measured speed and memory of the first iterations of a training."""

from __future__ import annotations

import copy
import tempfile
from statistics import median
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.checkpoints.io.checkpoint_writer import WRITER
from mixmae.cli.runner_builder import build_runner
from mixmae.config.failure_report import end_workers
from mixmae.engine.hooks.throughput_hook import peak_memory
from mixmae.profiling.throughput import Throughput

# The first iterations select kernels and start workers.
WARM_UP = 5
# They draw validation images or probe after an epoch, outside of iterations.
AFTER_EPOCH = ('ReconstructionHook', 'ProbeHook')


class MeasuredIterations(NamedTuple):
    """Measurements of one process.

    Attributes:
        seconds: Seconds per iteration, including the wait for data.
        data_wait: Fraction of the time spent waiting for data, 0 to 1.
        memory: Peak memory of this process in bytes: on the GPU, or resident
            memory without a GPU.
    """

    seconds: float
    data_wait: float
    memory: float


class _EnoughError(Exception):
    """Ends the training after the measured iterations."""


class _MeasureHook(Hook):
    """Times iterations and ends the training after ``count`` of them."""

    priority = 'LOWEST'

    def __init__(self, count: int) -> None:
        self.count = count
        self.throughput = Throughput(count, WARM_UP)

    def before_train_epoch(self, runner: Runner) -> None:
        self.throughput.resume()

    def before_train_iter(self, *args: Any, **kwargs: Any) -> None:
        self.throughput.fetched()

    def after_train_iter(self, runner: Runner, *args: Any, **kwargs: Any):
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.throughput.done(1)
        if runner.iter + 1 >= self.count + WARM_UP:
            raise _EnoughError


def check_length(count: int, iterations: int) -> None:
    """Compare a measurement with the length of the run.

    Args:
        count: Measured iterations.
        iterations: Number of iterations of the run.

    Raises:
        ValueError: The run has fewer iterations.
    """
    if count + WARM_UP > iterations:
        raise ValueError(
            f'the run has {iterations} iterations, but the measurement '
            f'takes {count + WARM_UP}; use a smaller N'
        )


def measure_iterations(config: Config, count: int) -> MeasuredIterations:
    """Train for some iterations and discard the result.

    Args:
        config: Config of a training, whose data must exist. It is not changed.
        count: Number of measured iterations, after a few warm-up iterations.

    Raises:
        ValueError: The run has fewer iterations.
    """
    config = copy.deepcopy(config)
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.custom_hooks = [
        hook
        for hook in config.get('custom_hooks') or ()
        if str(hook['type']).split('.')[-1] not in AFTER_EPOCH
    ]
    config.load_from, config.resume = None, False
    config.experiment_name = 'measured'
    hook = _MeasureHook(count)
    with tempfile.TemporaryDirectory() as folder:
        config.work_dir = folder
        runner = build_runner(config)
        runner.register_hook(hook)
        try:
            runner.train()
        except _EnoughError:
            pass
        else:
            check_length(count, runner.iter)
        finally:
            end_workers()
            # It writes to the folder that is removed below.
            WRITER.finish()
    times = hook.throughput.latest
    seconds = [one.seconds for one in times]
    memory = peak_memory() * 2**20
    if torch.cuda.is_available():
        memory = float(torch.cuda.max_memory_allocated())
    waits = sum(one.wait for one in times)
    return MeasuredIterations(median(seconds), waits / sum(seconds), memory)
