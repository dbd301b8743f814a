"""The machine that a run is planned for, and what the run costs on it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import NamedTuple

import torch

from mixmae.engine.optimizers.autocast_optim_wrapper import (
    BF16_CAPABILITY,
    DTYPES,
    auto_dtype,
)
from mixmae.profiling.gpu_table import ASSUMED_MFU, CONTEXT, GPUS
from mixmae.profiling.throughput import measure_peak_flops

# Memory of a training on a CPU in addition to the model: libraries, loader.
RUNNING = 1.5e9
# What the driver's tool is asked for; see ``_GPU``.
QUERIED = 'memory.total,compute_cap,mig.mode.current,name'
# Share of the memory that a plan uses.
USED = 0.8
# Share of a CPU's measured FLOP/s that a training is assumed to reach.
SHARE_OF_MEASURED_PEAK = 0.3


@dataclass(frozen=True)
class Machine:
    """Devices of one kind.

    Attributes:
        device: PyTorch's type, 'cuda' or 'cpu'.
        count: Devices, and processes, of the run.
        memory: Bytes of each that a plan may use.
        held: Bytes that are in use before there is a model.
        cores: CPU cores of all of them.
        name: Name in the table.
        capability: Major compute capability of GPUs.
    """

    device: str
    count: int
    memory: float
    held: float
    cores: int
    name: str
    capability: int | None = None

    @classmethod
    def find(cls, devices: int | str = 'auto') -> Machine:
        """Look at this machine.

        Args:
            devices: Number of GPUs, or of processes where there is no GPU;
                'auto' for all GPUs, or one process; 'cpu' for one process on
                the CPU.

        Raises:
            ValueError: There are fewer GPUs.
        """
        gpus = 0 if devices == 'cpu' else torch.cuda.device_count()
        if devices in ('auto', 'cpu'):
            count = max(1, gpus)
        else:
            count = int(devices)
        if count < 1:
            raise ValueError(f'devices must be at least 1, got {devices}')
        if gpus and count > gpus:
            raise ValueError(
                f'devices={count}, but {gpus} GPUs are visible here'
            )
        cores = usable_cores()
        if gpus:
            gpu = _smallest_gpu(count)
            memory = USED * gpu.memory
            return cls(
                'cuda', count, memory, CONTEXT, cores, gpu.name, gpu.capability
            )
        memory = USED * available_memory() / count
        return cls('cpu', count, memory, RUNNING, cores, f'CPU, {cores} cores')

    @property
    def workers(self) -> int:
        """Processes that load images of a pretraining, for each device."""
        share = self.cores // self.count
        # The training itself computes on these cores.
        return min(8, share if self.device == 'cuda' else share // 2)

    def dtype(self, precision: str) -> torch.dtype:
        """Return the type that products are computed in.

        Args:
            precision: Key of ``DTYPES``, or 'auto'.
        """
        if precision != 'auto':
            return DTYPES[precision]
        if self.capability is None:
            return auto_dtype(torch.device(self.device))
        fast = self.capability >= BF16_CAPABILITY
        return torch.bfloat16 if fast else torch.float32


def fine_tuning_workers() -> int:
    """Return the processes that load images of a fine-tuning, per device."""
    return min(4, usable_cores() - 1)


def usable_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> float:
    """Return the bytes of memory that are free, 4 GB where unknown."""
    try:
        with open('/proc/meminfo', encoding='ascii') as file:
            rows = dict(line.split(':', 1) for line in file)
        found = 1024.0 * int(rows['MemAvailable'].split()[0])
    except (OSError, KeyError, ValueError):
        return 4e9
    # A container may have less.
    for path in (
        '/sys/fs/cgroup/memory.max',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes',
    ):
        try:
            with open(path, encoding='ascii') as file:
                found = min(found, float(file.read()))
        except (OSError, ValueError):
            continue
    return found


class _GPU(NamedTuple):
    """Memory in bytes, major compute capability, and name of a GPU."""

    memory: float
    capability: int
    name: str


def _smallest_gpu(count: int) -> _GPU:
    """Return the least memory and capability of the first visible GPUs.

    By the driver's tool where it tells: PyTorch could hold memory of a GPU for
    as long as this process lives. The tool numbers GPUs in another order than
    CUDA, so it tells only if all are equal and none is divided (MIG).
    """
    listed = _listed_gpus()
    if listed and len(set(listed)) == 1:
        return listed[0]
    properties = [torch.cuda.get_device_properties(i) for i in range(count)]
    least = min(properties, key=lambda one: one.total_memory)
    capability = min(one.major for one in properties)
    return _GPU(float(least.total_memory), capability, least.name)


def _listed_gpus() -> list[_GPU]:
    """Return the GPUs of the driver's tool; none if it does not tell."""
    tool = shutil.which('nvidia-smi')
    if tool is None:
        return []
    try:
        done = subprocess.run(
            [tool, f'--query-gpu={QUERIED}', '--format=csv,noheader,nounits'],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = []
    for row in done.stdout.splitlines():
        # The name may contain a comma.
        size, capability, mig, name = (*row.split(', ', 3), *[''] * 3)[:4]
        major = capability.partition('.')[0]
        if not (size.isdecimal() and major.isdecimal()) or mig == 'Enabled':
            return []
        found.append(_GPU(int(size) * 2.0**20, int(major), name))
    return found if done.returncode == 0 else []


class RunCost(NamedTuple):
    """Resources of a run.

    Attributes:
        flops: Operations for one image, forward and backward.
        images: Images that are trained on, counted in each epoch.
        needs: Bytes of a device.
        checkpoint: Bytes of a checkpoint.
    """

    flops: float
    images: int
    needs: float
    checkpoint: float

    def lines(self, machine: Machine, dtype: torch.dtype) -> list[str]:
        """Return the cost as text."""
        total = self.flops * self.images
        name = machine.name.lower()
        known = [gpu for key, gpu in GPUS.items() if key.split('-')[0] in name]
        if machine.device == 'cpu':
            share = SHARE_OF_MEASURED_PEAK
            peak = measure_peak_flops('cpu', dtype)
            source = f'{peak / 1e9:,.0f} GFLOP/s measured here'
        elif known:
            gpu, share = known[0], ASSUMED_MFU
            peak = gpu.single if dtype == torch.float32 else gpu.half
            source = f'{peak / 1e12:,.0f} TFLOP/s of the data sheet'
        else:
            peak, share, source = 0.0, 1.0, ''
        time = 'time unknown: no peak rate is known for this device'
        if peak:
            seconds = total / (share * peak * machine.count)
            time = (
                f'about {duration(seconds)}, if {share:.0%} of {source} are '
                f'reached'
            )
        return [
            f'{self.flops / 1e9:.3g} GFLOPs an image, {self.images:,} images: '
            f'{time}',
            f'{self.needs / 1e9:.1f} GB of memory on each device, '
            f'{self.checkpoint / 1e9:.2f} GB a checkpoint',
        ]


def duration(seconds: float) -> str:
    """Return a time in a unit that suits it."""
    for unit, size in (('days', 86400), ('hours', 3600), ('minutes', 60)):
        if seconds >= 2 * size:
            return f'{seconds / size:.1f} {unit}'
    return f'{max(1, seconds):.0f} seconds'
