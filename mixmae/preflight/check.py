"""Base class of the checks and the data they exchange."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from mmengine.config import Config
from mmengine.runner import Runner

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


@dataclass(frozen=True)
class Finding:
    """Result of a check.

    Attributes:
        compared: What was compared, with its values: the row of the table.
        errors: Reasons not to start, one line each: what was given, what is
            allowed, how to mend it.
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
        guards: Whether the checks behind it in its stage rely on it: after an
            error they do not run.
    """

    guards: ClassVar[bool] = False
    name: ClassVar[str]
    stage: ClassVar[Stage] = 'config'
    modes: ClassVar[tuple[Mode, ...]] = ('train', 'test')

    @abstractmethod
    def run(self, planned: PlannedRun) -> Finding | None:
        """Compare.

        Returns:
            The finding; ``None`` if the run has nothing to compare.
        """
