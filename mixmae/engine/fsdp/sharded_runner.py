"""Runner for FSDP models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.device import get_device
from mmengine.dist import is_main_process
from mmengine.hooks import EMAHook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from mixmae.engine.fsdp.fully_sharded_model import (
    FullyShardedModel,
    split_like,
    whole,
)
from mixmae.registry import MODEL_WRAPPERS, RUNNERS

SHARDED = FullyShardedModel.__name__


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
        """Whether the model is split over the ranks."""
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
        kind = str((model_wrapper_cfg or {}).get('type'))
        if not self.distributed or kind.split('.')[-1] != SHARDED:
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
