"""Training with ``torch.compile``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from mixmae.distributed.process_group import unwrapped
from mixmae.engine.fsdp2 import FullyShardedModel
from mixmae.models.layers.transformer_block import TransformerBlock
from mixmae.registry import HOOKS

# Compiled method by target.
_METHODS = {'blocks': 'forward', 'loss': 'loss'}
# Maximum number of graphs per function: stages, sizes and drop path rates
# differ. torch raises an error after eight by default.
_GRAPHS = 128


@HOOKS.register_module()
class CompileHook(Hook):
    """Compile the computation of a training step with torch.compile.

    Masks, augmentation and the optimizer are not compiled. Neither is
    validation, which needs other graphs and would compile them, too. In
    compiled code the compiler decides which score matrices are kept:
    ``scores``, and ``with_cp`` below whole blocks, are for code that is not
    compiled. MMEngine's ``compile`` setting compiles the whole step, including
    mask generation and the optimizer.

    Args:
        target: 'blocks' compiles each transformer block. Blocks that differ in
            their weights only share code, so a deep network compiles as fast
            as a shallow one; blocks with different drop path rates do not
            share it. 'loss' compiles everything from tokens to loss as one
            graph: it takes longer to compile and can fuse more.
        options: Options of ``torch.compile``, such as ``mode`` or ``backend``.
            Defaults are ``dynamic=False`` and ``fullgraph=True``: batches have
            one shape, and a graph break is an error.

    Raises:
        ValueError: Another target, or a model that is split over ranks (FSDP).
    """

    priority = 'VERY_LOW'

    def __init__(self, target: str = 'blocks', **options: Any) -> None:
        if target not in _METHODS:
            raise ValueError(
                f'target must be one of {list(_METHODS)}, got {target!r}'
            )
        self.target = target
        self.options = dict(dynamic=False, fullgraph=True) | options
        self._parts: list[nn.Module] = []

    def before_train(self, runner: Runner) -> None:
        """Mark the parts to compile; the first steps compile them."""
        if isinstance(runner.model, FullyShardedModel):
            raise ValueError(
                'CompileHook and FullyShardedModel cannot be combined, '
                'because PyTorch does not compile the code that gathers a '
                'block; remove one of them from the config'
            )
        self._parts = compile_parts(
            unwrapped(runner.model), self.target, **self.options
        )
        runner.logger.info(
            f'The first iterations compile {len(self._parts)} parts '
            f'({self.target}), which takes minutes'
        )

    def after_train(self, runner: Runner) -> None:
        """Restore the methods of the class."""
        for part in self._parts:
            vars(part).pop(_METHODS[self.target])


def compile_parts(
    model: nn.Module, target: str, **options: Any
) -> list[nn.Module]:
    """Let parts of a model run compiled code in training mode.

    Args:
        model: Model with a method ``loss``.
        target: See ``CompileHook``.
        options: Options of ``torch.compile``.

    Returns:
        The parts.

    Raises:
        ValueError: The model has no transformer blocks of mixmae.
    """
    parts = [model]
    if target == 'blocks':
        parts = [x for x in model.modules() if isinstance(x, TransformerBlock)]
    if not parts:
        raise ValueError(
            f'{type(model).__name__} has no transformer blocks of mixmae; '
            "compile the complete model with target='loss'"
        )
    dynamo = torch._dynamo.config
    dynamo.cache_size_limit = max(dynamo.cache_size_limit, _GRAPHS)
    # It would cut graphs where a bucket of DistributedDataParallel ends, so
    # that its gradients are exchanged during the backward pass. A block has a
    # backward pass of its own, and larger ones would be cut for nothing.
    dynamo.optimize_ddp = target != 'blocks'
    name = _METHODS[target]
    for part in parts:
        # Left by a training that ended with an error.
        vars(part).pop(name, None)
        setattr(part, name, _CompiledInTraining(part, name, options))
    return parts


class _CompiledInTraining:
    """Method of a part that runs compiled in training mode only.

    Copies of the part (made by probes and operation counters) and its pickles
    use the method of the class, which is not compiled.
    """

    def __init__(
        self, part: nn.Module, name: str, options: dict[str, Any]
    ) -> None:
        self._part = part
        self._method: Callable = getattr(part, name)
        self._compiled = torch.compile(self._method, **options)

    def __call__(self, *args: Any) -> Any:
        chosen = self._compiled if self._part.training else self._method
        return chosen(*args)

    def __reduce__(self) -> tuple:
        return getattr, (self._part, self._method.__name__)
