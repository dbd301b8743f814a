"""Watchdogs whose patience is short only when there is nothing to wait for."""

from __future__ import annotations

from mmengine.runner import Runner

from mixmae.engine.hooks.watchdog_hook import WatchdogHook


def limit_watchdog(runner: Runner, seconds: float) -> None:
    """Changes the limit of this rank's watchdog, while it watches.

    Until then it may be so long that no slow machine exceeds it, and still
    the test is over soon.
    """
    (hook,) = (one for one in runner.hooks if isinstance(one, WatchdogHook))
    hook._dog.timeout = seconds
