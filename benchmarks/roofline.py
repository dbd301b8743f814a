"""The two numbers of a training step: what it must compute, and move."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry

from mixmae.profiling.throughput import median_seconds

aten = torch.ops.aten
# Far beyond any cache.
COPY_BYTES = {'cpu': 2**27, 'cuda': 2**30}
# Float32 weights, gradients and both moments of AdamW: weights are read in
# the forward and in the backward pass and by the optimizer, which writes
# them; gradients are written and read, moments read and written.
BYTES_PER_PARAMETER = 4 * (4 + 2 + 4)


class Roofline(TorchDispatchMode):
    """FLOPs and memory traffic of the operations of a ``with`` block.

    Each operation is taken by itself, as eager torch executes it: what it
    reads, it reads from memory, and what it writes goes there. It takes no
    less than its FLOPs at the rate of matrix products, and no less than its
    bytes at the memory's bandwidth. Kernels that ``torch.compile`` made are
    not seen.

    Args:
        flops_per_second: of matrix products.
        bytes_per_second: read and written.

    Attributes:
        flops: of matrix products, convolutions and attention.
        moved: bytes.
        seconds: the sum over operations of the larger of both times.
        by_operation: seconds by name.
    """

    def __init__(
        self, flops_per_second: float, bytes_per_second: float
    ) -> None:
        super().__init__()
        self.flops_per_second = flops_per_second
        self.bytes_per_second = bytes_per_second
        self.flops: float = 0.0
        self.moved: float = 0.0
        self.seconds = 0.0
        self.by_operation: dict[str, float] = defaultdict(float)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> Any:
        """Executes an operation and counts it."""
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        flops = self._flops(func, args, kwargs, out)
        moved = memory_traffic(func, args, kwargs, out)
        seconds: float = max(
            flops / self.flops_per_second, moved / self.bytes_per_second
        )
        self.flops += flops
        self.moved += moved
        self.seconds += seconds
        self.by_operation[str(func._overloadpacket)] += seconds
        return out

    def _flops(self, func: Any, args: tuple, kwargs: dict, out: Any) -> int:
        name = func._overloadpacket
        formula: Any = flop_registry.get(name) or ATTENTION.get(name)
        if formula is None:
            return 0
        return int(formula(*args, **kwargs, out_val=out))


def _attention(
    query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any
) -> int:
    """(B, h, N, d) and (B, h, M, d): scores and weighted sums."""
    pairs = query.shape[:-1].numel() * key.size(-2)
    return 2 * pairs * (query.size(-1) + value.size(-1))


def _attention_backward(
    gradient: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *_: Any,
    **__: Any,
) -> int:
    """The scores again, and four gradients."""
    pairs = query.shape[:-1].numel() * key.size(-2)
    return 2 * pairs * (3 * query.size(-1) + 2 * value.size(-1))


# Torch counts those of GPUs only.
ATTENTION: dict[Any, Callable[..., int]] = {
    aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        _attention_backward
    ),
}


def memory_traffic(func: Any, args: tuple, kwargs: dict, out: Any) -> int:
    """Bytes that an operation reads and writes.

    Args:
        func: an overload, as dispatch modes get it.
        args, kwargs: its arguments.
        out: what it returned.

    Returns:
        0 of what only makes views or room.
    """
    read = list(_tensors((args, kwargs)))
    # Tensors without values have no address, but each has a storage.
    known = {x.untyped_storage()._cdata for x in read}
    made = [
        x for x in _tensors(out) if x.untyped_storage()._cdata not in known
    ]
    changed = list(_written(func, args, kwargs))
    if not (made or changed) or 'empty' in func._schema.name:
        return 0
    return sum(map(_bytes, [*read, *made, *changed]))


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (x for x in tree_iter(tree) if isinstance(x, Tensor))


def _bytes(tensor: Tensor) -> int:
    """Bytes of a tensor in memory; expanded axes count once."""
    shape = zip(tensor.shape, tensor.stride(), strict=True)
    count = 1
    for size, stride in shape:
        count *= size if stride else 1
    return count * tensor.element_size()


def _written(func: Any, args: tuple, kwargs: dict) -> Iterator[Tensor]:
    """The arguments that an operation changes."""
    for place, argument in enumerate(func._schema.arguments):
        alias = argument.alias_info
        if alias is None or not alias.is_write:
            continue
        value = args[place] if place < len(args) else kwargs.get(argument.name)
        yield from _tensors(value)


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
    return 2 * size / median_seconds(lambda: target.copy_(source), device)
