"""Memory of weights, gradients, optimizer states and activations of a run."""

from __future__ import annotations

import math
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from mixmae.checkpoints.io.checkpoint_writer import (
    FLOAT,
    STATES,
    checkpoint_bytes,
)
from mixmae.profiling.flops import (
    forward_inputs,
    mask_for,
    training_flops,
    without_values,
)

OURS = Path(__file__).parents[1]


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
        origins: Bytes by shape, dtype and line of mixmae that saved first.
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


# Temporary memory in addition to saved activations, in units of the largest
# tensor: recomputed tensors, gradients of activations, fragmentation. Measured
# on a CPU: 3 to 9.
TEMPORARIES = 7


class SavedActivations(NamedTuple):
    """Activation memory of a forward pass, in bytes.

    Attributes:
        image: Bytes per image.
        batch: Bytes per batch of any size: weights in another dtype.
        largest: Bytes of the largest tensor, per image.
    """

    image: float
    batch: float
    largest: float = 0.0

    def at_work(self, batch: int) -> float:
        """Return the total including temporary tensors."""
        image = self.image + TEMPORARIES * self.largest
        return self.batch + batch * image


class Needs(NamedTuple):
    """Memory of one device, in bytes.

    Attributes:
        process: Memory before the model is built.
        parameters, gradients, optimizer: Parts stored on this device.
        gathered: Of sharded parameters, those gathered at the same time,
            and their gradients.
        activations: Saved activations and temporary tensors.
    """

    process: float
    parameters: float
    gradients: float
    optimizer: float
    gathered: float
    activations: float

    @property
    def total(self) -> float:
        """Sum of all parts."""
        return sum(self)


class PlannedNetwork(NamedTuple):
    """Sizes of a network: parameters, FLOPs and activations.

    Attributes:
        parameters, trained: Numbers of parameters.
        flops: Model FLOPs per image in training.
        saved: Activation memory.
        gathered: Number of parameters gathered at the same time if sharded.
    """

    parameters: int
    trained: int
    flops: float
    saved: SavedActivations
    gathered: int = 0

    @classmethod
    def of(
        cls,
        model: nn.Module,
        image_shape: Sequence[int],
        device: str,
        dtype: torch.dtype,
        blocks: Sequence[str] = (),
    ) -> PlannedNetwork:
        """Create from a model, which may be on the meta device.

        Args:
            model: see ``training_flops``.
            image_shape: (channels, height, width).
            device: 'cuda' or 'cpu', which save different tensors.
            dtype: Dtype of autocast; float32 means no autocast.
            blocks: see ``FullyShardedModel``.

        Raises:
            ValueError: The model does not accept such images.
        """
        flops = training_flops(model, image_shape)
        small, large = 2, 4
        few, _ = _saved(model, (small, *image_shape), device, dtype)
        many, top = _saved(model, (large, *image_shape), device, dtype)
        image = (many - few) / (large - small)
        trained = [x.numel() for x in model.parameters() if x.requires_grad]
        saved = SavedActivations(image, few - small * image, top / large)
        whole = gathered_parameters(model, blocks)
        return cls(_size(model), sum(trained), flops, saved, whole)

    def needs(
        self,
        batch: int,
        optimizer: str = 'AdamW',
        process: float = 0.0,
        shards: int = 1,
    ) -> Needs:
        """Return the memory that one device needs.

        Args:
            batch: Images per forward pass.
            optimizer: Optimizer class.
            process: see ``Needs``.
            shards: Devices that share parameters, gradients and states.
        """
        trained = FLOAT * self.trained / shards
        return Needs(
            process,
            FLOAT * self.parameters / shards,
            trained,
            STATES.get(optimizer, 2) * trained,
            2 * FLOAT * self.gathered if shards > 1 else 0.0,
            self.saved.at_work(batch),
        )

    def largest_batch(
        self, memory: float, optimizer: str, process: float, shards: int
    ) -> int:
        """Return the largest batch that fits into memory; 0 if none does."""
        fixed = self.needs(0, optimizer, process, shards).total
        image = self.saved.at_work(1) - self.saved.batch
        return max(0, math.floor((memory - fixed) / image))

    def checkpoint(self, optimizer: str = 'AdamW') -> float:
        """Return the bytes of a checkpoint with optimizer state."""
        return checkpoint_bytes(self.parameters, self.trained, optimizer)


def gathered_parameters(model: nn.Module, blocks: Sequence[str]) -> int:
    """Count the parameters outside of blocks and in the two largest blocks.

    The next block is gathered while one is computed.
    """
    sizes = [_size(m) for m in model.modules() if type(m).__name__ in blocks]
    return _size(model) - sum(sizes) + 2 * max(sizes, default=0)


def _size(module: nn.Module) -> int:
    return sum(one.numel() for one in module.parameters())


class _LargestTensor(TorchDispatchMode):
    """Records the size of the largest tensor in a ``with`` block."""

    size = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        made = (_stored(x) for x in tree_iter(out) if isinstance(x, Tensor))
        self.size = max([self.size, *made])
        return out


def _saved(
    model: nn.Module, shape: Sequence[int], device: str, dtype: torch.dtype
) -> tuple[int, int]:
    """Activation memory and largest tensor of a pass of fake tensors."""
    # Drawing a mask needs real values.
    mask = mask_for(model, shape)
    with FakeTensorMode(allow_non_fake_inputs=True):
        fake = without_values(model, device).train()
        inputs = forward_inputs(shape, mask, device)
        before = torch.is_autocast_enabled(device)
        before_dtype = torch.get_autocast_dtype(device)
        # torch.autocast would need a GPU.
        torch.set_autocast_enabled(device, dtype != torch.float32)
        torch.set_autocast_dtype(
            device, torch.bfloat16 if dtype == torch.float32 else dtype
        )
        torch.autocast_increment_nesting()
        try:
            with (
                ActivationMemory(fake) as saved,
                _LargestTensor() as largest,
                torch.enable_grad(),
            ):
                # Referenced: no storage is freed before it is counted.
                kept = fake(**inputs)
            total = saved.total
            del kept
        finally:
            if torch.autocast_decrement_nesting() == 0:
                torch.clear_autocast_cache()
            torch.set_autocast_enabled(device, before)
            torch.set_autocast_dtype(device, before_dtype)
    return total, largest.size * dtype.itemsize


def _stored(x: Tensor) -> int:
    """Return the number of stored elements; expanded dimensions count once."""
    sizes = zip(x.shape, x.stride(), strict=True)
    return math.prod(size for size, stride in sizes if stride)
