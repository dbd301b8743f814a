"""Speed of iterations, and the peak FLOP/s of matrix products."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

# Sides of the matrices, from one that is fast on any device to one that
# reaches the peak of the device type.
SIDES = {
    'cpu': (256, 512, 1024, 2048),
    'cuda': (1024, 2048, 4096, 8192),
}
# Maximum time of one sample in seconds.
SAMPLE_SECONDS = 0.06
SAMPLES = 5


def measure_peak_flops(
    device: torch.device | str = 'cpu', dtype: torch.dtype = torch.float32
) -> float:
    """Measure the FLOP/s of square matrix products.

    The reference for the utilisation of a device: the rate on this machine
    under the current conditions (threads, clocks, load), not the data sheet
    value. The size of the matrices is chosen so that the measurement takes
    half a second at most.

    Args:
        device: Device to measure.
        dtype: Dtype of the factors. On a GPU, float32 uses TF32 if PyTorch's
            settings allow it.

    Returns:
        The median of several products; a multiplication and an addition are
        two operations.
    """
    device = torch.device(device)
    for side in SIDES.get(device.type, SIDES['cuda']):
        product = _product(side, device, dtype)
        product()
        seconds = _seconds(product, device)
        # Doubling the side takes eight times the operations.
        if 8 * seconds > SAMPLE_SECONDS:
            break
    samples = [_seconds(product, device) for _ in range(SAMPLES)]
    return 2 * side**3 / statistics.median(samples)


def _product(
    side: int, device: torch.device, dtype: torch.dtype
) -> Callable[[], object]:
    # Not zeros, with which a GPU uses less power and runs faster; not random
    # numbers, which would change the random state of the training.
    steps = torch.arange(side**2, device=device, dtype=torch.float32)
    left = steps.sin_().view(side, side).to(dtype)
    right = left.T.contiguous()
    out = torch.empty_like(left)
    return lambda: torch.mm(left, right, out=out)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    begin = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - begin


def _wait(device: torch.device) -> None:
    """Wait until the device is idle."""
    if device.type != 'cpu':
        getattr(torch, device.type).synchronize()


class Iteration(NamedTuple):
    """Number of images and times of one iteration.

    Attributes:
        images: Images of this process.
        wait: Seconds until its batch was loaded.
        seconds: Seconds in total, from the end of the previous iteration.
    """

    images: int
    wait: float
    seconds: float


class Throughput:
    """Timer of iterations, from the end of one to the end of the next.

    The time of an iteration includes everything in it, such as writing a
    checkpoint. The time between iterations, such as validation, counts only in
    the remaining time.

    Args:
        window: Number of latest iterations that rates are computed over.
        warm_up: Number of first iterations that do not count, in which kernels
            are selected or compiled and workers start.
        clock: Clock in seconds.
    """

    def __init__(
        self,
        window: int = 50,
        warm_up: int = 3,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        # Iterations of the window.
        self.latest: deque[Iteration] = deque(maxlen=window)
        self._warm_up = warm_up
        self._clock = clock
        self._mark = self._fetched = clock()
        # Start time of the first counted iteration, and number of iterations.
        self._began: float | None = None
        self._count = 0

    def resume(self) -> None:
        """Exclude the time since the last iteration."""
        self._mark = self._clock()

    def fetched(self) -> None:
        """Record that the batch of an iteration is loaded."""
        self._fetched = self._clock()

    def done(self, images: int) -> None:
        """Record the end of an iteration."""
        now = self._clock()
        if self._warm_up > 0:
            self._warm_up -= 1
        else:
            if self._began is None:
                self._began = self._mark
            wait = self._fetched - self._mark
            self.latest.append(Iteration(images, wait, now - self._mark))
            self._count += 1
        self._mark = now

    @contextmanager
    def excused(self) -> Iterator[None]:
        """Exclude the time of a ``with`` block from the current iteration."""
        begin = self._clock()
        yield
        seconds = self._clock() - begin
        self._mark += seconds
        self._fetched += seconds
        if self._began is not None:
            self._began += seconds

    @property
    def images_per_second(self) -> float | None:
        """Return images per second of this process, or None."""
        return self._per_second(sum(one.images for one in self.latest))

    @property
    def data_wait(self) -> float | None:
        """Return the fraction of the time spent waiting for batches."""
        return self._per_second(sum(one.wait for one in self.latest))

    def seconds_for(self, iterations: int) -> float | None:
        """Return the expected time of further iterations, including pauses."""
        if not self._count or self._began is None:
            return None
        return (self._mark - self._began) / self._count * iterations

    def _per_second(self, amount: float) -> float | None:
        seconds = sum(one.seconds for one in self.latest)
        return amount / seconds if seconds else None
