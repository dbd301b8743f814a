"""Speed of iterations, and the peak FLOP/s of matrix products."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

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


class Iteration(NamedTuple):
    """Images and times of one iteration.

    Attributes:
        images: of this process.
        wait: seconds until its batch was there.
        seconds: in all, from the end of the one before.
    """

    images: int
    wait: float
    seconds: float


class Throughput:
    """Times iterations from the end of one to the end of the next.

    Whatever happens in an iteration counts, a checkpoint too; what happens
    in between, as validation does, counts only in the time that is left.

    Args:
        window: iterations that rates are taken over, the latest.
        warm_up: iterations that do not count, the first: kernels are chosen
            or compiled, and workers and caches are started in them.
        clock: seconds.
    """

    def __init__(
        self,
        window: int = 50,
        warm_up: int = 3,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._latest: deque[Iteration] = deque(maxlen=window)
        self._warm_up = warm_up
        self._clock = clock
        self._mark = self._fetched = clock()
        # When the first iteration that counts began, and how many there are.
        self._began: float | None = None
        self._count = 0

    def resume(self) -> None:
        """Exclude the time since the last iteration."""
        self._mark = self._clock()

    def fetched(self) -> None:
        """The batch of an iteration is there."""
        self._fetched = self._clock()

    def done(self, images: int) -> None:
        """The iteration has ended."""
        now = self._clock()
        if self._warm_up > 0:
            self._warm_up -= 1
        else:
            if self._began is None:
                self._began = self._mark
            wait = self._fetched - self._mark
            self._latest.append(Iteration(images, wait, now - self._mark))
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
    def latest(self) -> list[Iteration]:
        """Iterations of the window."""
        return list(self._latest)

    @property
    def images_per_second(self) -> float | None:
        """Of this process; None before there are any figures."""
        seconds = self._seconds()
        if not seconds:
            return None
        return sum(one.images for one in self._latest) / seconds

    @property
    def data_wait(self) -> float | None:
        """Share of the time that was spent waiting for batches."""
        seconds = self._seconds()
        if not seconds:
            return None
        return sum(one.wait for one in self._latest) / seconds

    def seconds_for(self, iterations: int) -> float | None:
        """Time that so many more will take, with pauses as so far."""
        if not self._count or self._began is None:
            return None
        return (self._mark - self._began) / self._count * iterations

    def _seconds(self) -> float:
        return sum(one.seconds for one in self._latest)
