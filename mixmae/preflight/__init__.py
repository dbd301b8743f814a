"""Checks of config, data, head and checkpoint before the first iteration."""

from mixmae.preflight.check import (
    Check,
    Finding,
    PlannedRun,
    Preflight,
    PreflightError,
    PreflightHook,
)

__all__ = [
    'Check',
    'Finding',
    'PlannedRun',
    'Preflight',
    'PreflightError',
    'PreflightHook',
]
