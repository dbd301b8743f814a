"""How long an import takes; nothing is imported here that is measured."""

from __future__ import annotations

import importlib
import sys
import time
from typing import Any


def measure(settings: dict[str, Any]) -> dict[str, Any]:
    """Seconds until ``modules`` are there, and how many came with them."""
    before = len(sys.modules)
    start = time.perf_counter()
    for name in settings['modules']:
        importlib.import_module(name)
    seconds = time.perf_counter() - start
    return dict(seconds=seconds, modules=len(sys.modules) - before)
