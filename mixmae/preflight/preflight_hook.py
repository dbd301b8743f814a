"""Hook that runs the checks of the stage 'built'."""

from __future__ import annotations

from dataclasses import replace

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mixmae.preflight.check import PlannedRun
from mixmae.preflight.preflight import Preflight


class PreflightHook(Hook):
    """Compares the built parts of a run before weights are loaded.

    The tools register it with the runner they have built.

    Args:
        preflight: The checks.
        planned: The run, without its runner.
        only: End the process after the checks, with status 0.
    """

    # Before anything that takes time.
    priority = 'HIGHEST'

    def __init__(
        self, preflight: Preflight, planned: PlannedRun, only: bool = False
    ) -> None:
        self.preflight = preflight
        self.planned = planned
        self.only = only

    def before_run(self, runner: Runner) -> None:
        """Run the checks.

        Raises:
            PreflightError: Parts of the run do not agree.
        """
        self.preflight.run('built', replace(self.planned, runner=runner))
        if self.only:
            if is_main_process():
                print(self.preflight.table())
            raise SystemExit(0)
