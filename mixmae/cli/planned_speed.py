"""Speed of a run: measured, from a log, or from a data sheet."""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.checkpoints.io.checkpoint_writer import WRITER
from mixmae.cli.runner_builder import build_runner
from mixmae.config.config_paths import type_name
from mixmae.config.failure_report import ConfigError, end_workers
from mixmae.engine.hooks.throughput_hook import peak_memory
from mixmae.engine.optimizers.autocast_optim_wrapper import (
    DTYPES,
    auto_dtype,
)
from mixmae.fileio.safe_path import read_text
from mixmae.profiling.gpu_table import ASSUMED_MFU, CONTEXT, GPUS
from mixmae.profiling.throughput import Throughput

# Memory of a training that the plan does not model: data loader, log, selected
# kernels. Measured on a CPU.
RUNNING = 0.1e9
# The first iterations select kernels and start workers.
WARM_UP = 5
# They draw validation images or probe after an epoch, outside of iterations.
AFTER_EPOCH = ('ReconstructionHook', 'ProbeHook')


class Device(NamedTuple):
    """Properties of one device.

    Attributes:
        type: PyTorch's device type, 'cuda' or 'cpu'.
        dtype: Dtype of matrix products.
        memory: Memory in bytes; for a CPU, that of the machine.
        process: Bytes that are allocated before the model is built.
        peak: FLOP/s in the data sheet; ``None`` for a CPU.
    """

    type: str
    dtype: torch.dtype
    memory: float
    process: float
    peak: float | None = None

    @classmethod
    def of(cls, kind: str, dtype: str) -> Device:
        """Create from a device name.

        Args:
            kind: A key of ``GPUS``, or 'cpu' for this machine.
            dtype: ``dtype`` of ``AutocastOptimWrapper``; 'auto' is bfloat16 if
                the device supports it.

        Raises:
            ValueError: ``dtype`` is unknown.
        """
        if dtype != 'auto' and dtype not in DTYPES:
            raise ValueError(f'dtype must be auto or one of {[*DTYPES]}')
        if kind == 'cpu':
            auto = auto_dtype(torch.device('cpu'))
            if not hasattr(os, 'sysconf'):
                raise ConfigError(
                    'the memory of this machine is unknown; plan for a GPU '
                    'with --gpu'
                )
            pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
            process = peak_memory() * 2**20 + RUNNING
            return cls('cpu', DTYPES.get(dtype, auto), float(pages), process)
        gpu = GPUS[kind]
        auto = torch.bfloat16 if gpu.bfloat16 else torch.float32
        found = DTYPES.get(dtype, auto)
        peak = gpu.single if found == torch.float32 else gpu.half
        return cls('cuda', found, gpu.memory, CONTEXT, peak)


class RunLog(NamedTuple):
    """Throughput in the log of a run.

    Attributes:
        path: The file.
        seconds: Median seconds per image on one device.
        flops: Model FLOPs per image, of each network in the file.
    """

    path: Path
    seconds: float
    flops: tuple[float, ...]

    @classmethod
    def read(cls, path: str) -> RunLog:
        """Read a ``scalars.json``, or the latest one in a work folder."""
        file = Path(path)
        if file.is_dir():
            found = sorted(file.glob('**/vis_data/scalars.json'))
            if not found:
                raise ValueError(f'{path} holds no vis_data/scalars.json')
            file = found[-1]
        if not file.is_file():
            raise ValueError(f'log {path} does not exist')
        try:
            lines = read_text(file).splitlines()
            rows = [json.loads(line) for line in lines]
            rows = [row for row in rows if 'matmul_mfu' in row]
            # All ranks are equal, so the speed of one follows from its MFU.
            times = [
                row['gflops_per_image']
                / (row['matmul_mfu'] * row['matmul_tflops'] * 1e3)
                for row in rows
            ]
            flops = {row['gflops_per_image'] * 1e9 for row in rows}
            if not all(0 < time < math.inf for time in times):
                raise ValueError('times must be above 0')
        except (
            ValueError, KeyError, TypeError, ZeroDivisionError, OSError,
            RecursionError, OverflowError,
        ) as error:  # fmt: skip
            raise ValueError(
                f'{file} is not the log of a run: {error!r}'
            ) from None
        if not rows:
            raise ValueError(
                f'{file} has no matmul_mfu: the run was too short, or had no '
                f'ThroughputHook with mfu=True'
            )
        return cls(file, median(times), tuple(flops))

    def check(self, flops: float) -> None:
        """Compare with the model FLOPs per image of the planned network."""
        if any(not math.isclose(x, flops, rel_tol=1e-6) for x in self.flops):
            raise ValueError(
                f'{self.path} is of another network or image size: '
                f'{max(self.flops) / 1e9:.4g} GFLOPs per image, not '
                f'{flops / 1e9:.4g}; use the log of a run of this config'
            )


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
    """Raise ``ValueError`` if the run is shorter than a measurement."""
    if count + WARM_UP > iterations:
        raise ValueError(
            f'the run has {iterations} iterations, but the measurement '
            f'takes {count + WARM_UP}; use a smaller N'
        )


def measure_iterations(config: Config, count: int) -> MeasuredIterations:
    """Train for some iterations, after a few warm-up iterations.

    The result is discarded. The data must exist; the config is not changed.
    """
    config = copy.deepcopy(config)
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.custom_hooks = [
        hook
        for hook in config.get('custom_hooks') or ()
        if type_name(hook) not in AFTER_EPOCH
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


def speed_of(
    args: argparse.Namespace,
    cfg: Config,
    device: Device,
    flops: float,
    log: RunLog | None,
) -> tuple[float | None, str]:
    """Return the speed from a measurement, a log, or an assumed MFU.

    Returns:
        Seconds per image on one device, or None, and their source.
    """
    if args.measure is not None:
        found = measure_iterations(cfg, args.measure)
        seconds = found.seconds / cfg.train_dataloader.batch_size
        return seconds, f'median of {args.measure} iterations here'
    if log is not None:
        log.check(flops)
        return log.seconds, f'of {args.log}'
    if device.peak is None:
        return None, 'unknown; use --measure N or --log'
    if args.mfu is not None:
        return flops / device.peak / args.mfu, f'{args.mfu:.0%} MFU'
    source = f'{ASSUMED_MFU:.0%} MFU of {args.gpu}, assumed, not measured'
    return flops / device.peak / ASSUMED_MFU, source
