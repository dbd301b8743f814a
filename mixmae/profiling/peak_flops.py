"""Peak FLOP/s of matrix products, measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

# Sides of the matrices: from one that any device is done with soon to one at
# which a device of the kind runs at its best.
SIDES = {
    'cpu': (256, 512, 1024, 2048),
    'cuda': (1024, 2048, 4096, 8192),
}
# Longest time of one product to be taken as a sample, in seconds.
SAMPLE_SECONDS = 0.06
SAMPLES = 5


def measure_peak_flops(
    device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32
) -> float:
    """Operations per second of square matrix products.

    The ground that the utilisation of a device is measured on: what this
    library reaches on this machine now, with its present number of threads,
    clocks and neighbours, not what a vendor promises. The matrices are as
    large as is quickly done, so that measuring takes half a second at most.

    Args:
        device: where.
        dtype: of the factors. Those of float32 are multiplied as PyTorch is
            set to on a GPU, with TF32 or without.

    Returns:
        The median of several products; a multiplication and an addition are
        two operations.
    """
    device = torch.device(device)
    for side in SIDES.get(device.type, SIDES['cuda']):
        product = _product(side, device, dtype)
        product()
        seconds = _seconds(product, device)
        # Twice the side is eight times the work.
        if 8 * seconds > SAMPLE_SECONDS:
            break
    return 2 * side**3 / median_seconds(product, device)


def _product(
    side: int, device: torch.device, dtype: torch.dtype
) -> Callable[[], object]:
    # Not zeros: on those a GPU draws less power and runs faster. Not random:
    # that would change what the training draws.
    steps = torch.arange(side**2, device=device, dtype=torch.float32)
    left = steps.sin_().view(side, side).to(dtype)
    right = left.T.contiguous()
    out = torch.empty_like(left)
    return lambda: torch.mm(left, right, out=out)


def median_seconds(work: Callable[[], object], device: torch.device) -> float:
    return statistics.median(_seconds(work, device) for _ in range(SAMPLES))


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    begin = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - begin


def _wait(device: torch.device) -> None:
    """Returns when the device has done what it was given."""
    if device.type != 'cpu':
        getattr(torch, device.type).synchronize()
