"""Trains with ``torch.compile``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from mixmae.engine.fsdp.fully_sharded_model import FullyShardedModel
from mixmae.models.layers.transformer_block import TransformerBlock
from mixmae.registry import HOOKS

# What is compiled of which part.
_METHODS = {'blocks': 'forward', 'loss': 'loss'}
# Graphs that one function may have: stages, sizes and rates of drop path
# differ. torch would give up, with an error, after eight.
_GRAPHS = 128


@HOOKS.register_module()
class CompileHook(Hook):
    """Compiles what a training step computes, with torch.compile.

    Masks, augmentation and the optimizer stay as they are; so does
    validation, which needs other graphs and would compile them, too. What is
    compiled keeps its score matrices as the compiler likes: ``scores`` and
    ``with_cp`` short of whole blocks are for code that is not compiled.
    MMEngine's ``compile`` setting is for the whole step: the drawing of masks
    and the optimizer, too.

    Args:
        target: 'blocks', each transformer block. Blocks that differ in their
            weights alone share their code, so a deep network compiles as fast
            as a flat one; those whose drop path differs do not. 'loss', all
            from tokens to loss as one graph: longer to compile, more to fuse.
        options: of ``torch.compile``, for instance ``mode`` or ``backend``.
            ``dynamic=False`` and ``fullgraph=True`` unless said otherwise:
            batches have one shape, and a break is an error.

    Raises:
        ValueError: another target; a model that is split over ranks.
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
        """Finds what is to be compiled; the first steps will do it."""
        model = runner.model
        if isinstance(model, FullyShardedModel):
            raise ValueError(
                'CompileHook and FullyShardedModel do not go together: '
                'PyTorch gathers the parts of a block by code that it does '
                'not compile; take one of them out of the config'
            )
        if is_model_wrapper(model):
            model = model.module
        self._parts = compile_parts(model, self.target, **self.options)
        runner.logger.info(
            f'The first steps compile {len(self._parts)} parts '
            f'({self.target}); that takes minutes'
        )

    def after_train(self, runner: Runner) -> None:
        """Calls the class's own methods again."""
        for part in self._parts:
            vars(part).pop(_METHODS[self.target])


def compile_parts(
    model: nn.Module, target: str, **options: Any
) -> list[nn.Module]:
    """Lets parts of a model compute with compiled code while they train.

    Args:
        model: with a method ``loss``.
        target: see ``CompileHook``.
        options: of ``torch.compile``.

    Returns:
        The parts.

    Raises:
        ValueError: the model has no transformer blocks of ours.
    """
    parts = [model]
    if target == 'blocks':
        parts = [x for x in model.modules() if isinstance(x, TransformerBlock)]
    if not parts:
        raise ValueError(
            f'{type(model).__name__} has no transformer blocks of this '
            f"toolbox; compile all of it with target='loss'"
        )
    dynamo = torch._dynamo.config
    dynamo.cache_size_limit = max(dynamo.cache_size_limit, _GRAPHS)
    name = _METHODS[target]
    for part in parts:
        # Of a training that an error ended.
        vars(part).pop(name, None)
        setattr(part, name, _CompiledInTraining(part, name, options))
    return parts


class _CompiledInTraining:
    """A method of a part, compiled where that trains, and else as it is.

    Copies of the part, as probes and counters of operations make them, and
    pickles of it get the method of their own that is not compiled.
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
