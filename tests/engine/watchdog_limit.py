"""Watchdogs with a short time limit for one step."""

from __future__ import annotations

from mmengine.runner import Runner

from mixmae.engine.hooks.watchdog_hook import WatchdogHook


def limit_watchdog(runner: Runner, seconds: float) -> None:
    """Change the time limit of the running watchdog of this rank.

    The initial limit can be long enough for slow machines, without slowing
    down the test.
    """
    (hook,) = (one for one in runner.hooks if isinstance(one, WatchdogHook))
    hook._dog.timeout = seconds
