"""Checks of trainings and tests, in the order of the table."""

from __future__ import annotations

from mixmae.preflight.check import Check
from mixmae.preflight.preflight import Preflight


def run_preflight() -> Preflight:
    """Preflight of ``tools/train.py`` and ``tools/test.py``."""
    checks: list[Check] = []
    return Preflight(checks)
