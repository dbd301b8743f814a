"""Activation memory: the tensors that autograd saves for the backward pass."""

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
    """Counter of the activation memory saved within a ``with`` block.

        with ActivationMemory(model) as saved:
            loss = model.loss(images, mask)['loss']
        saved.total / len(images)

    Each storage counts once with its full size, even if several tensors share
    it. Parameters and buffers of the model do not count, but copies of them in
    another dtype do. Fake tensors count like real ones.

    Args:
        model: Model whose parameters and buffers are excluded.

    Attributes:
        sizes: Bytes of each storage, by its identity.
        origins: Bytes by shape, dtype and the line of mixmae that saved them
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
        """Total bytes of all storages."""
        return sum(self.sizes.values())

    def _note(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # Fake storages have no address. The identity of a live storage is
        # unique.
        identity = storage._cdata
        if identity in self._known or identity in self.sizes:
            return tensor.detach()
        self.sizes[identity] = storage.nbytes()
        shape, dtype = tuple(tensor.shape), str(tensor.dtype)[6:]
        self.origins[f'{shape} {dtype} {_place()}'] += storage.nbytes()
        # A node that references its own output would never be freed.
        return tensor.detach()


def _place() -> str:
    """Return the innermost running line of mixmae outside of this file."""
    # Faster than a traceback, which reads the source of every line.
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(f'{OURS}{os.sep}') and path != __file__:
            return f'{Path(path).name}:{frame.f_lineno}'
        frame = frame.f_back
    return 'elsewhere'
