"""What a device can do, measured: products, memory traffic, small steps."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from mixmae.engine.moved_bytes import MovedBytes

# Sides of the matrices: from one that any device is done with soon to one at
# which a device of the kind runs at its best.
SIDES = {
    'cpu': (256, 512, 1024, 2048),
    'cuda': (1024, 2048, 4096, 8192),
}
# Far beyond any cache.
COPY_BYTES = {'cpu': 2**27, 'cuda': 2**30}
# Longest time of one product or copy to be taken as a sample, in seconds.
SAMPLE_SECONDS = 0.06
SAMPLES = 5
# Of the network whose steps cost nothing but calls.
BLOCKS, SMALL, CALLS = 24, 8, 20


def matmul_rate(
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
    return 2 * side**3 / _median_seconds(product, device)


def memory_rate(device: torch.device | str = 'cpu') -> float:
    """Bytes per second between a device and its memory.

    Returns:
        The median of several copies; each byte is read once and written
        once, which are two.
    """
    device = torch.device(device)
    size = COPY_BYTES.get(device.type, COPY_BYTES['cpu'])
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * size / _median_seconds(lambda: target.copy_(source), device)


def operation_seconds() -> float:
    """What each operation of a training step costs, however small it is.

    Python, PyTorch's dispatcher, autograd and the optimizer, on the CPU: the
    time of a step of a network that computes next to nothing, over the
    operations of its forward pass.
    """
    # No random numbers: that would change what the training draws.
    with torch.random.fork_rng(devices=[]):
        layers = [_SmallBlock() for _ in range(BLOCKS)]
    network = nn.Sequential(*layers)
    optimizer = torch.optim.AdamW(network.parameters())
    images = torch.ones(SMALL, SMALL)
    with MovedBytes() as forward:
        network(images).sum()

    def step() -> None:
        optimizer.zero_grad()
        network(images).sum().backward()
        optimizer.step()

    step()
    cpu = torch.device('cpu')
    # The least: what else the machine does only adds to it, and a lot.
    seconds = min(_seconds(step, cpu) for _ in range(CALLS))
    return seconds / forward.operations


class _SmallBlock(nn.Module):
    """What a network is made of, as small as can be."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(SMALL)
        self.map = nn.Linear(SMALL, SMALL)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + nn.functional.gelu(self.map(self.norm(x)))


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


def _median_seconds(work: Callable[[], object], device: torch.device) -> float:
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
