"""Checks of trainings and tests, in the order of the table."""

from __future__ import annotations

from mixmae.preflight.check import Check
from mixmae.preflight.config_keys import ConfigKeys
from mixmae.preflight.preflight import Preflight
from mixmae.preflight.run_numbers import RunNumbers
from mixmae.preflight.schedule_length import IterationSchedule, ScheduleLength
from mixmae.preflight.update_size import UpdateSize


def run_preflight() -> Preflight:
    """Preflight of ``tools/train.py`` and ``tools/test.py``."""
    checks: list[Check] = [
        ConfigKeys(),
        RunNumbers(),
        UpdateSize(),
        ScheduleLength(),
        IterationSchedule(),
    ]
    return Preflight(checks)
