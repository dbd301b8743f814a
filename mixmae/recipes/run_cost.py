"""Resources that a planned run needs."""

from __future__ import annotations

from typing import NamedTuple

import torch

from mixmae.profiling.gpu_table import GPUS
from mixmae.profiling.throughput import measure_peak_flops
from mixmae.recipes.machine import Machine

# That a training reaches, assumed.
SHARE_OF_VENDOR_PEAK, SHARE_OF_MEASURED_PEAK = 0.4, 0.3


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
        """Return the cost as text.

        Args:
            machine: Devices of the run.
            dtype: Type that products are computed in.
        """
        total = self.flops * self.images
        name = machine.name.lower()
        known = [gpu for key, gpu in GPUS.items() if key.split('-')[0] in name]
        if machine.device == 'cpu':
            share = SHARE_OF_MEASURED_PEAK
            peak = measure_peak_flops('cpu', dtype)
            source = f'{peak / 1e9:,.0f} GFLOP/s measured here'
        elif known:
            gpu, share = known[0], SHARE_OF_VENDOR_PEAK
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
