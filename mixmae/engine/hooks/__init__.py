"""Hooks."""

from mixmae.engine.hooks.durable_checkpoint_hook import (
    DurableCheckpointHook,
)
from mixmae.engine.hooks.mask_seed_hook import MaskSeedHook
from mixmae.engine.hooks.probe_hook import ProbeHook
from mixmae.engine.hooks.reconstruction_hook import ReconstructionHook
from mixmae.engine.hooks.update_border_hook import UpdateBorderHook

__all__ = [
    'DurableCheckpointHook',
    'MaskSeedHook',
    'ProbeHook',
    'ReconstructionHook',
    'UpdateBorderHook',
]
