"""How much memory autograd keeps for a backward pass, and of what."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor, nn

import mixmae

OURS = Path(mixmae.__file__).parent


class ActivationMemory:
    """Counts what autograd saves within a ``with`` block.

        with ActivationMemory(model) as saved:
            loss = model.loss(images, mask)['loss']
        saved.total / len(images)

    Each storage counts once, whole, however many tensors share it; the
    model's parameters and buffers do not count, copies of them in another
    dtype do. Fake tensors, which have sizes but no values, count as real
    ones would.

    Args:
        model: whose parameters and buffers are left out.

    Attributes:
        sizes: bytes of each storage, by what identifies it.
        origins: bytes by shape, dtype and the line of mixmae that saved them
            first.
    """

    def __init__(self, model: nn.Module) -> None:
        known = [*model.parameters(), *model.buffers()]
        self._known = {x.untyped_storage()._cdata for x in known}
        self.sizes: dict[int, int] = {}
        self.origins: Counter[str] = Counter()
        self._hooks = torch.autograd.graph.saved_tensors_hooks(
            self._note, lambda tensor: tensor
        )

    def __enter__(self) -> ActivationMemory:
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)

    @property
    def total(self) -> int:
        """Bytes of all storages together."""
        return sum(self.sizes.values())

    def _note(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # Fake storages have no address. What is kept cannot give its number
        # to another one.
        identity = storage._cdata
        if identity in self._known or identity in self.sizes:
            return tensor.detach()
        self.sizes[identity] = storage.nbytes()
        shape, dtype = tuple(tensor.shape), str(tensor.dtype)[6:]
        self.origins[f'{shape} {dtype} {_place()}'] += storage.nbytes()
        # A node that held its own output would never be freed.
        return tensor.detach()


def _place() -> str:
    """The innermost line of mixmae that runs, this file left out."""
    # A traceback would read the source of every line.
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(f'{OURS}{os.sep}') and path != __file__:
            return f'{Path(path).name}:{frame.f_lineno}'
        frame = frame.f_back
    return 'elsewhere'
