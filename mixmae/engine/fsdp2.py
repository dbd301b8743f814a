"""FSDP2: parameters, gradients and optimizer states split over ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmengine.utils import digit_version
from torch import Tensor, nn
from torch.optim import Optimizer

from mixmae.config.config_paths import type_name
from mixmae.registry import MODEL_WRAPPERS, RUNNERS


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


@RUNNERS.register_module()
class ShardedRunner(Runner):
    """MMEngine's ``Runner`` for ``FullyShardedModel``.

    Weights are initialised, or loaded by ``init_cfg``, before they are split,
    so that they equal those of any other runner. Checkpoints hold full tensors
    under the usual names: a run on one process, or with
    DistributedDataParallel, can resume from them, and vice versa.

    With other models, and on a single process, it behaves as MMEngine's
    runner.

    Raises:
        ValueError: On training with a moving average of the weights.
    """

    @property
    def sharded(self) -> bool:
        """True if the model is sharded across the ranks."""
        return isinstance(self.model, FullyShardedModel)

    def train(self) -> nn.Module:
        """Train."""
        if self.sharded and any(isinstance(h, EMAHook) for h in self.hooks):
            raise ValueError(
                'EMAHook copies the model, but a sharded model cannot be '
                'copied; remove the hook, or train without FullyShardedModel'
            )
        return super().train()

    def wrap_model(
        self, model_wrapper_cfg: dict | None, model: nn.Module
    ) -> nn.Module:
        """Initialise the weights if the model will be split; wrap it."""
        kind = type_name(model_wrapper_cfg)
        if not self.distributed or kind != FullyShardedModel.__name__:
            return super().wrap_model(model_wrapper_cfg, model)
        self.model = model.to(get_device())
        super()._init_model_weights()
        return MODEL_WRAPPERS.build(
            model_wrapper_cfg, default_args=dict(module=self.model)
        )

    def _init_model_weights(self) -> None:
        if not self.sharded:
            super()._init_model_weights()

    def build_optim_wrapper(self, optim_wrapper: Any) -> OptimWrapper:
        """Build as MMEngine does; states are split when they are loaded."""
        built = super().build_optim_wrapper(optim_wrapper)
        if self.sharded and built is not optim_wrapper:
            built.optimizer.register_load_state_dict_pre_hook(_split_states)
        return built

    def save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Save as MMEngine does, on all ranks, since each has a part."""
        if not self.sharded:
            super().save_checkpoint(*args, **kwargs)
            return
        model: Any = self.model
        with _whole_states(model.module, self.optim_wrapper.optimizer):
            super().save_checkpoint(*args, **kwargs)


@contextmanager
def _whole_states(model: nn.Module, optimizer: Optimizer) -> Iterator[None]:
    """Context in which state dicts are full, on the main rank."""
    weights = _gather(model.state_dict())
    states = _gather(optimizer.state_dict())
    hooks = []
    if is_main_process():
        hooks = [
            model.register_state_dict_post_hook(
                lambda _, state_dict, *__: state_dict.update(weights)
            ),
            optimizer.register_state_dict_post_hook(lambda *_: states),
        ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _gather(value: Any) -> Any:
    """Copy nested content with full tensors to the host."""
    if isinstance(value, Mapping):
        return {key: _gather(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_gather(one) for one in value]
    if not isinstance(value, Tensor):
        return value
    found = whole(value.detach())
    # The other ranks only contribute their parts.
    return found.cpu() if is_main_process() else None


def _split_states(optimizer: Optimizer, state_dict: dict) -> dict:
    """Keep this rank's part of the full states that were loaded."""
    parameters = [
        one for group in optimizer.param_groups for one in group['params']
    ]
    numbers = [
        number
        for group in state_dict['param_groups']
        for number in group['params']
    ]
    owners = dict(zip(numbers, parameters, strict=False))
    state = {
        number: {
            key: split_like(value, owners.get(number))
            if isinstance(value, Tensor)
            else value
            for key, value in one.items()
        }
        for number, one in state_dict['state'].items()
    }
    return {**state_dict, 'state': state}
