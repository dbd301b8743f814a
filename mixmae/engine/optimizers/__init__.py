"""Optimizer wrappers, and what builds them."""

from mixmae.engine.optimizers.autocast_optim_wrapper import (
    AutocastOptimWrapper,
)
from mixmae.engine.optimizers.layer_decay_constructor import (
    LayerDecay,
    LayerDecayOptimWrapperConstructor,
)

__all__ = [
    'AutocastOptimWrapper',
    'LayerDecay',
    'LayerDecayOptimWrapperConstructor',
]
