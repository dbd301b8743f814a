"""FSDP2 model wrapper, and tensors that are split over ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapper
from mmengine.utils import digit_version
from torch import Tensor, distributed, nn

from mixmae.registry import MODEL_WRAPPERS


def is_shard(value: Any) -> bool:
    """Return True if a tensor is split over the ranks."""
    return isinstance(value, Tensor) and hasattr(value, 'full_tensor')


def own_part(tensor: Any) -> Tensor:
    """Return this rank's part of a tensor; it may be empty."""
    return tensor.to_local() if is_shard(tensor) else tensor


def whole(tensor: Any) -> Tensor:
    """Gather the full tensor; all ranks must call it at the same time."""
    return tensor.full_tensor() if is_shard(tensor) else tensor


def split_like(tensor: Tensor, like: Any) -> Tensor:
    """Split a full tensor, present on every rank, like another tensor.

    No communication takes place.

    Args:
        tensor: Tensor of the shape of ``like``; one of another shape, or one
            that is split already, is returned unchanged.
        like: If it is not split, ``tensor`` is not split.
    """
    if not is_shard(like) or is_shard(tensor) or tensor.shape != like.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(
        tensor, like.device_mesh, like.placements, src_data_rank=None
    )


def norms_of_shards(tensors: list[Any], order: float) -> Tensor:
    """Compute the norms of tensors that are split over the same ranks.

    All ranks must call it at the same time; they exchange one number per
    tensor and rank.

    Args:
        tensors: At least one.
        order: 2, or ``math.inf`` for the largest absolute value.

    Returns:
        Float32, (number of tensors,), the same on all ranks. NaN and infinity
        of any part propagate.
    """
    parts = [own_part(tensor) for tensor in tensors]
    # An empty tensor has no largest value.
    parts = [part if part.numel() else part.new_zeros(1) for part in parts]
    found = torch._foreach_norm(parts, order)
    mine = torch.stack([norm.to(torch.float32) for norm in found])
    mesh = tensors[0].device_mesh
    everyone = mine.new_empty(mesh.size() * len(mine))
    distributed.all_gather_into_tensor(everyone, mine, mesh.get_group())
    return torch.linalg.vector_norm(
        everyone.unflatten(0, (mesh.size(), -1)), order, dim=0
    )


# Block classes of mixmae and of mmpretrain's ViT.
BLOCKS = ('TransformerBlock', 'TransformerEncoderLayer')
# In earlier releases gloo sums gradients instead of averaging them.
TORCH = '2.10'


@MODEL_WRAPPERS.register_module()
class FullyShardedModel(nn.Module):
    """PyTorch's ``fully_shard`` (FSDP2) as an MMEngine model wrapper.

    Each rank keeps its part of parameters, gradients and optimizer states. The
    parameters of a block are gathered right before it runs and freed right
    after; parameters outside of blocks are kept for the whole step. Gradients
    are averaged over the ranks in every micro-iteration and accumulated in
    split form.

    MMEngine's own wrapper is for FSDP1; its strategy needs a runner that does
    not write atomic checkpoints.

    Needs a ``ShardedRunner``, which initialises the weights before they are
    split and writes full tensors into checkpoints.

    Args:
        module: The model with its initial weights, on its device.
        blocks: Class names of the modules that are gathered one at a time.
        reshard_after_forward: Free the parameters of a block after the forward
            pass and gather them again for the backward pass. False keeps them:
            less communication, more memory.

    Raises:
        ValueError: PyTorch is too old, or the model has no such blocks.
    """

    def __init__(
        self,
        module: nn.Module,
        blocks: Sequence[str] = BLOCKS,
        reshard_after_forward: bool = True,
    ) -> None:
        super().__init__()
        if digit_version(torch.__version__) < digit_version(TORCH):
            raise ValueError(
                f'FullyShardedModel needs PyTorch {TORCH} or newer, found '
                f'{torch.__version__}; upgrade PyTorch, or remove '
                'model_wrapper_cfg'
            )
        chosen = [m for m in module.modules() if type(m).__name__ in blocks]
        if not chosen:
            raise ValueError(
                f'FullyShardedModel(blocks={tuple(blocks)}): this '
                f'{type(module).__name__} has no modules of these classes; '
                'list the classes of the blocks to shard'
            )
        # ``fully_shard`` adds methods that have no type annotation.
        self.module: Any = _split(module, chosen, reshard_after_forward)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the forward pass of the model."""
        return self.module(*args, **kwargs)

    def train_step(
        self, data: Any, optim_wrapper: OptimWrapper
    ) -> dict[str, Tensor]:
        """Run a training step of the model."""
        return self.module.train_step(data, optim_wrapper)

    def val_step(self, data: Any) -> list:
        """Run a validation step; all ranks must call it."""
        with gathered(self):
            return self.module.val_step(data)

    def test_step(self, data: Any) -> list:
        """Run a test step; all ranks must call it."""
        with gathered(self):
            return self.module.test_step(data)


def _split(
    module: nn.Module, blocks: list[nn.Module], reshard_after_forward: bool
) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(get_device(), (get_world_size(),))
    for block in blocks:
        fully_shard(
            block, mesh=mesh, reshard_after_forward=reshard_after_forward
        )
    fully_shard(module, mesh=mesh)
    for part in module.modules():
        if any(True for _ in part.parameters(recurse=False)):
            part.register_load_state_dict_pre_hook(_split_loaded)
    return module


def _split_loaded(
    module: nn.Module, state_dict: dict, prefix: str, *_: object
) -> None:
    """Keep this rank's part of the full tensors that were loaded."""
    for name, parameter in module.named_parameters(recurse=False):
        value = state_dict.get(prefix + name)
        if value is not None:
            state_dict[prefix + name] = split_like(value, parameter)


@contextmanager
def gathered(model: nn.Module) -> Iterator[None]:
    """Context in which parts of a wrapped model can be called directly.

    Outside of a step only blocks gather their parameters; in this context the
    other parameters are gathered. All ranks must enter it and run the same
    blocks. It does nothing for models without FSDP.
    """
    if not isinstance(model, FullyShardedModel):
        yield
        return
    model.module.unshard()
    try:
        yield
    finally:
        model.module.reshard()
