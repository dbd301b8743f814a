"""How many bytes operations read and write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class MovedBytes(TorchDispatchMode):
    """Counts what the operations of a ``with`` block move.

    Each operation is taken by itself, as eager torch executes it: what it
    reads comes from memory, and what it makes goes there. Tensors may be
    anywhere, on the meta device too, where nothing is computed.

    Attributes:
        operations: how many there were, views among them.
        total: bytes read and written.
        largest: bytes of the largest tensor that was made.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0
        self.total = 0
        self.largest = 0

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
        self.operations += 1
        self.total += moved_bytes(func, args, kwargs, out)
        made = map(_bytes, _tensors(out))
        self.largest = max(self.largest, max(made, default=0))
        return out


def moved_bytes(func: Any, args: tuple, kwargs: dict, out: Any) -> int:
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
    """What is touched of it; an expanded tensor has less than its size."""
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
