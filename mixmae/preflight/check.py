"""A check before a run, the preflight that runs all of them, and its hook."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mixmae.config.failure_report import ConfigError
from mixmae.distributed.process_group import unwrapped

Mode = Literal['train', 'test']
Stage = Literal['config', 'built']


@dataclass
class PlannedRun:
    """A run before its first iteration.

    Attributes:
        mode: 'train' or 'test'.
        config: The complete config, options included. Read-only.
        options: The values of ``--cfg-options``, by dotted key.
        runner: The runner with its loops, data loaders and model built, before
            weights are loaded; ``None`` in the stage 'config'.
    """

    mode: Mode
    config: Config
    options: dict[str, Any] = field(default_factory=dict)
    runner: Runner | None = None

    @property
    def built(self) -> Runner:
        """The runner, in the stage 'built'."""
        assert self.runner is not None
        return self.runner

    @property
    def model(self) -> Any:
        """The model of the runner, without a wrapper."""
        return unwrapped(self.built.model)


@dataclass(frozen=True)
class Finding:
    """Result of a check.

    Attributes:
        compared: What was compared, with its values: the row of the table.
        errors: Reasons not to start, one line each: what was given, what is
            allowed, how to fix it.
        warnings: Lines for the log; the run starts.
        notes: Lines for the log that are no warnings.
    """

    compared: str
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Check(ABC):
    """Comparison of parts of a run that must agree.

    A check reads; it changes neither config nor runner nor files. It runs on
    the main rank only, and in at most 10 s where it samples data.

    Attributes:
        name: Name in the table, two or three words.
        stage: 'config' before anything is built, 'built' with the loops, data
            sets and model of the runner, before weights are loaded.
        modes: Kinds of runs that it applies to.
        guards: Whether later checks of the stage depend on it: after an error
            they do not run.
        protects: Whether it protects other runs or later checks:
            ``--ignore-check`` refuses its name.
    """

    guards: ClassVar[bool] = False
    protects: ClassVar[bool] = False
    name: ClassVar[str]
    stage: ClassVar[Stage] = 'config'
    modes: ClassVar[tuple[Mode, ...]] = ('train', 'test')

    @abstractmethod
    def run(self, planned: PlannedRun) -> Finding | None:
        """Compare.

        Returns:
            The finding; ``None`` if the run has nothing to compare.
        """

    def validated(
        self, planned: PlannedRun, found: Mapping[str, Any]
    ) -> list[str]:
        """Compare with the first validation.

        Args:
            found: Values by name of metric.

        Returns:
            Errors, which stop the run.
        """
        return []


class PreflightError(ConfigError):
    """Faults found before the first iteration, one line each."""


class Preflight:
    """Runs checks, collects their findings, and stops a run with faults.

    Args:
        checks: The checks, in the order of the table.
        ignored: Names of checks whose errors become warnings, none of those
            that protect.

    Raises:
        ConfigError: No check of the run that can be ignored has this name.
    """

    def __init__(
        self, checks: Sequence[Check], ignored: Sequence[str] = ()
    ) -> None:
        self.checks = tuple(checks)
        self.ignored = frozenset(ignored)
        names = [check.name for check in checks if not check.protects]
        for name in sorted(self.ignored.difference(names)):
            raise ConfigError(
                f"--ignore-check '{name}': this run has no check of this name "
                f'that can be ignored; it has: {", ".join(names)}'
            )
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
        failed = {name: one for name, one in result.items() if one.errors}
        if failed:
            self._print_hint(failed)
            raise PreflightError(
                *(line for one in failed.values() for line in one.errors)
            )

    def table(self) -> str:
        """Findings as text: name, state, what was compared."""
        width = max(map(len, self.findings), default=0)
        rows = []
        for name, finding in self.findings.items():
            state = 'warning' if finding.warnings else 'ok'
            state = 'error' if finding.errors else state
            rows.append(f'{name:{width}}  {state:7}  {finding.compared}')
        return '\n'.join(rows)

    def _print_hint(self, failed: Mapping[str, Finding]) -> None:
        names = [
            f"'{check.name}'"
            for check in self.checks
            if check.name in failed and not check.protects
        ]
        if names:
            print_log(
                'where a check is wrong for this run, --ignore-check makes '
                f'its errors warnings; checks with errors: {", ".join(names)}',
                'current',
            )

    def _findings(
        self, stage: Stage, planned: PlannedRun
    ) -> dict[str, Finding]:
        found = {}
        for check in self.checks:
            if check.stage == stage and planned.mode in check.modes:
                finding = check.run(planned)
                if check.name in self.ignored:
                    finding = _with_warnings(finding, check.name)
                if finding is not None:
                    found[check.name] = finding
                    if finding.errors and check.guards:
                        break
        return found


def _with_warnings(finding: Finding | None, name: str) -> Finding:
    """Return the finding of an ignored check: its errors as warnings."""
    finding = finding or Finding('nothing to compare')
    notes = finding.notes
    if not finding.errors:
        notes += (f"--ignore-check '{name}': it has found no error",)
    lines = (*finding.errors, *finding.warnings)
    return replace(finding, errors=(), warnings=lines, notes=notes)


class PreflightHook(Hook):
    """Compares the built parts of a run before weights are loaded.

    The tools register it with the runner they have built.

    Args:
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
        self.is_validated = False

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

    def after_val_epoch(
        self, runner: Runner, metrics: Mapping[str, Any] | None = None
    ) -> None:
        """Run what needs the results of the first validation.

        Raises:
            PreflightError: Parts of the run do not agree.
        """
        if self.is_validated or self.planned.mode != 'train':
            return
        self.is_validated = True
        planned = replace(self.planned, runner=runner)
        found = metrics or {}
        errors = []
        for check in self.preflight.checks:
            lines = check.validated(planned, found)
            if check.name not in self.preflight.ignored:
                errors += lines
            elif is_main_process():
                for line in lines:
                    print_log(line, 'current', logging.WARNING)
        if errors:
            raise PreflightError(*errors)
