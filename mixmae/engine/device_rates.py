"""What a device does at most, and how much of it training reaches."""

from __future__ import annotations

import json
import os
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

from mixmae.engine.flops import TrainingWork
from mixmae.engine.gpu_table import GPUS
from mixmae.engine.hooks.throughput_hook import peak_memory
from mixmae.engine.matmul_rate import (
    matmul_rate,
    memory_rate,
    operation_seconds,
)
from mixmae.engine.optimizers.autocast_optim_wrapper import (
    DTYPES,
    native_dtype,
)
from mixmae.engine.step_time import StepTime

KINDS = [*GPUS, 'cpu']
# The goal of this project for one GPU of the H100's kind; no GPU has been
# measured. The CPU's is of the order of small networks'.
ASSUMED_MFU = {'cuda': 0.4, 'cpu': 0.5}
# What a process on a GPU holds before it computes: context, kernels, cuBLAS
# workspace.
CONTEXT = 1.0e9
# What a training holds beside what a plan of it does: loader, log, kernels
# that were chosen. Measured on a CPU.
RUNNING = 0.1e9


class DeviceRates(NamedTuple):
    """One device.

    Attributes:
        kind: its name in ``KINDS``.
        type: PyTorch's, 'cuda' or 'cpu'.
        dtype: what products are computed in.
        peak: operations per second at most.
        peak_source: who says so.
        memory: bytes; of a CPU, all of the machine.
        bandwidth: bytes per second.
        process: bytes that are held before there is a model.
        call: seconds of an operation; see ``StepTime``.
    """

    kind: str
    type: str
    dtype: torch.dtype
    peak: float
    peak_source: str
    memory: float
    bandwidth: float
    process: float
    call: float = 0.0

    @classmethod
    def of(cls, kind: str, dtype: str) -> DeviceRates:
        """Looks a GPU up, or measures this CPU.

        Args:
            kind: one of ``KINDS``.
            dtype: of ``AutocastOptimWrapper``; 'auto' is bfloat16 where the
                device has it.

        Raises:
            ValueError: an unknown ``dtype``.
        """
        if dtype != 'auto' and dtype not in DTYPES:
            raise ValueError(f'dtype must be auto or one of {[*DTYPES]}')
        if kind == 'cpu':
            device = torch.device('cpu')
            found = native_dtype(device) if dtype == 'auto' else DTYPES[dtype]
            pages = os.sysconf('SC_PHYS_PAGES')
            # Before the measurements, which need memory of their own.
            process = peak_memory() * 2**20 + RUNNING
            return cls(
                kind,
                'cpu',
                found,
                matmul_rate(device, found),
                'matrix products, measured now',
                float(pages * os.sysconf('SC_PAGE_SIZE')),
                memory_rate(device),
                process,
                operation_seconds(),
            )
        gpu = GPUS[kind]
        auto = torch.bfloat16 if gpu.bfloat16 else torch.float32
        found = auto if dtype == 'auto' else DTYPES[dtype]
        half = found != torch.float32
        return cls(
            kind,
            'cuda',
            found,
            gpu.half if half else gpu.single,
            f'{gpu.source} [official number]',
            gpu.memory,
            gpu.bandwidth,
            CONTEXT,
        )


class MeasuredRates(NamedTuple):
    """What a run reached, on each of its devices, its loader left out.

    Attributes:
        flops: model operations per second.
        matmul: operations of matrix products per second.
        work: of its network; None if the log does not say.
        batch: images of an iteration.
    """

    flops: float
    matmul: float
    work: TrainingWork | None = None
    batch: int = 0

    @classmethod
    def of_log(cls, path: str) -> MeasuredRates:
        """Medians of a log.

        Args:
            path: a ``scalars.json``, or a work folder, whose latest is taken.

        Raises:
            ValueError: there is no log, or it has no ``matmul_mfu``.
        """
        file = Path(path)
        if file.is_dir():
            found = sorted(file.glob('**/vis_data/scalars.json'))
            if not found:
                raise ValueError(f'{path} holds no vis_data/scalars.json')
            file = found[-1]
        if not file.is_file():
            raise ValueError(f'there is no log {path}')
        try:
            rows = [json.loads(line) for line in file.read_text().splitlines()]
            rows = [row for row in rows if 'matmul_mfu' in row]
            flops = [
                row['matmul_mfu']
                * row['matmul_tflops']
                * 1e12
                / (1 - row.get('data_wait', 0.0))
                for row in rows
            ]
            matmul = [row['matmul_tflops'] * 1e12 for row in rows]
            last = rows[-1] if rows else {}
            work = None
            if 'moved_gb_per_image' in last:
                work = TrainingWork(
                    last['gflops_per_image'] * 1e9,
                    last['moved_gb_per_image'] * 1e9,
                    last['operations'],
                )
            batch = last.get('batch_size', 0)
        except (
            ValueError,
            KeyError,
            TypeError,
            OSError,
            ZeroDivisionError,
        ) as error:
            raise ValueError(f'{file} is no log of a run: {error!r}') from None
        if not rows:
            raise ValueError(
                f'{file} has no matmul_mfu: the run was too short, or had no '
                f'ThroughputHook with mfu=True'
            )
        return cls(median(flops), median(matmul), work, batch)

    def step_time(self, device: DeviceRates) -> StepTime | None:
        """What such devices take for iterations; None if the log is too old.

        Args:
            device: as looked up or measured now; the log's own rate of
                products counts, and traffic in proportion.
        """
        if self.work is None or self.batch < 1:
            return None
        scale = self.matmul / device.peak
        if device.type == 'cpu':
            # Busier or less so than now.
            unfitted = StepTime(
                self.matmul, device.bandwidth * scale, device.call / scale
            )
        else:
            unfitted = StepTime(self.matmul, device.bandwidth)
        seconds = self.batch * self.work.flops / self.flops
        return unfitted.fitted(self.work, self.batch, seconds)
