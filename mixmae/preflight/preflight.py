"""Runner of the checks."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log

from mixmae.config.config_error import ConfigError
from mixmae.preflight.check import Check, Finding, PlannedRun, Stage


class PreflightError(ConfigError):
    """Faults found before the first iteration, one line each."""


class Preflight:
    """Runs checks, collects their findings, and stops a run with faults.

    Args:
        checks: The checks, in the order of the table.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self.checks = tuple(checks)
        self.findings: dict[str, Finding] = {}

    def run(self, stage: Stage, planned: PlannedRun) -> None:
        """Run the checks of a stage on the main rank.

        All ranks learn the findings, so that all of them stop.

        Raises:
            PreflightError: Some checks found faults; all faults are listed.
        """
        found: list[dict[str, Finding] | Exception] = [{}]
        if is_main_process():
            try:
                found[0] = self._findings(stage, planned)
            # The other ranks wait for the result.
            except Exception as error:
                broadcast_object_list([RuntimeError(str(error))])
                raise
        broadcast_object_list(found)
        result = found[0]
        if isinstance(result, Exception):
            raise result
        self.findings.update(result)
        for finding in result.values():
            for line in finding.notes:
                print_log(line, 'current')
            for line in finding.warnings:
                print_log(line, 'current', logging.WARNING)
        errors = [line for one in result.values() for line in one.errors]
        if errors:
            raise PreflightError(*errors)

    def table(self) -> str:
        """The findings as text: name, state, what was compared."""
        width = max(map(len, self.findings), default=0)
        rows = []
        for name, finding in self.findings.items():
            state = 'warning' if finding.warnings else 'ok'
            state = 'error' if finding.errors else state
            rows.append(f'{name:{width}}  {state:7}  {finding.compared}')
        return '\n'.join(rows)

    def _findings(
        self, stage: Stage, planned: PlannedRun
    ) -> dict[str, Finding]:
        found = {}
        for check in self.checks:
            if check.stage == stage and planned.mode in check.modes:
                finding = check.run(planned)
                if finding is not None:
                    found[check.name] = finding
                    if finding.errors and check.guards:
                        break
        return found
