"""Hooks."""

from mixmae.engine.hooks.bad_files_hook import BadFilesHook
from mixmae.engine.hooks.class_picture_hook import ClassPictureHook
from mixmae.engine.hooks.compile_hook import CompileHook
from mixmae.engine.hooks.durable_checkpoint_hook import (
    DurableCheckpointHook,
)
from mixmae.engine.hooks.finite_guard_hook import FiniteGuardHook
from mixmae.engine.hooks.interrupt_hook import InterruptHook
from mixmae.engine.hooks.probe_hook import ProbeHook
from mixmae.engine.hooks.reconstruction_hook import ReconstructionHook
from mixmae.engine.hooks.step_seed_hook import StepSeedHook
from mixmae.engine.hooks.throughput_hook import ThroughputHook
from mixmae.engine.hooks.update_border_hook import UpdateBorderHook
from mixmae.engine.hooks.watchdog_hook import WatchdogHook
from mixmae.engine.hooks.whole_model_hook import WholeModelHook

__all__ = [
    'BadFilesHook',
    'ClassPictureHook',
    'CompileHook',
    'DurableCheckpointHook',
    'FiniteGuardHook',
    'InterruptHook',
    'ProbeHook',
    'ReconstructionHook',
    'StepSeedHook',
    'ThroughputHook',
    'UpdateBorderHook',
    'WatchdogHook',
    'WholeModelHook',
]
