"""Optimizer wrappers."""

from mixmae.engine.optimizers.autocast_optim_wrapper import (
    AutocastOptimWrapper,
)

__all__ = ['AutocastOptimWrapper']
