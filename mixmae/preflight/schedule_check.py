"""Check of the lengths of schedules and run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mmengine.config import Config

from mixmae.config.config_paths import type_name, walk
from mixmae.preflight.check import Check, Finding, PlannedRun

# Those that change a parameter all the way to their end.
GRADUAL = ('Linear', 'Cosine', 'Poly', 'OneCycle')


class Phase(NamedTuple):
    """A parameter scheduler.

    Attributes:
        key: As ``--cfg-options`` takes it.
        kind: Its type, without the scope.
        settings: Its config.
        begin: First step.
        end: Step after the last one; infinite if not given.
        by_epoch: Whether a step is an epoch or an iteration.
    """

    key: str
    kind: str
    settings: Mapping
    begin: float
    end: float
    by_epoch: bool

    @property
    def last_change(self) -> float:
        """Step at which the parameter is final; infinite if never."""
        # MMEngine: T_max and milestones count from the begin.
        if self.settings.get('T_max') is not None:
            return self.begin + self.settings['T_max']
        if self.kind.startswith(GRADUAL):
            return self.end
        return math.inf

    @property
    def milestones(self) -> list[float]:
        """Steps of a jump, counted from the start of the run."""
        return [
            self.begin + step for step in self.settings.get('milestones') or ()
        ]


class ScheduleLength(Check):
    """Compares the ends of the schedules with the end of the run.

    Schedules in the unit of the run: epochs, or iterations.
    """

    name = 'schedule'
    modes = ('train',)

    def run(self, planned: PlannedRun) -> Finding | None:
        loop = planned.config.get('train_cfg')
        if not isinstance(loop, Mapping):
            return None
        by_epoch = loop.get('max_epochs') is not None
        unit = 'epoch' if by_epoch else 'iteration'
        name = 'max_epochs' if by_epoch else 'max_iters'
        length = loop.get(name)
        if not isinstance(length, int) or length < 1:
            return None
        phases = schedule_phases(planned.config)
        if phases is None:
            return None
        errors = [
            f'{phase.key}: end={phase.end:g} is not after '
            f'begin={phase.begin:g}{_beyond(phase, length, by_epoch)}'
            f'{_without(phase)}'
            for phase in phases
            if phase.end <= phase.begin
        ]
        own = [phase for phase in phases if phase.by_epoch == by_epoch]
        warnings = list(schedule_warnings(own, length, unit))
        if planned.config.get(name, length) != length:
            # The variable that the schedule is computed from.
            warnings = [
                f'{line}; {name}={length} instead of train_cfg.{name} also '
                'changes the schedule'
                for line in warnings
            ]
        notes: list[str] = []
        for name, line in _shortened(planned.config, length):
            # A recipe's own warm-up gives way to a short run.
            lines = warnings if name in planned.options else notes
            lines.append(line)
        warnings += _intervals(planned.config, length, by_epoch, unit)
        ends = sorted({phase.end for phase in own if phase.end < math.inf})
        said = ', '.join(f'{end:g}' for end in ends) or 'open'
        return Finding(
            f'run ends at {unit} {length}, schedules at {said}',
            errors=tuple(errors),
            warnings=() if errors else tuple(warnings),
            notes=tuple(notes),
        )


class IterationSchedule(Check):
    """Compares schedules in iterations with a run in epochs."""

    name = 'schedule in iterations'
    stage = 'built'
    modes = ('train',)

    def run(self, planned: PlannedRun) -> Finding | None:
        loop = planned.config.get('train_cfg')
        if not isinstance(loop, Mapping) or loop.get('max_epochs') is None:
            return None
        length = planned.built.max_iters
        phases = [
            phase
            for phase in schedule_phases(planned.config) or ()
            if not phase.by_epoch
        ]
        if not phases:
            return None
        return Finding(
            f'run of {length} iterations',
            warnings=tuple(
                schedule_warnings(phases, length, 'iteration', False)
            ),
        )


class Accumulation(Check):
    """Compares accumulation with the length of the run."""

    name = 'accumulation'
    stage = 'built'
    modes = ('train',)

    def run(self, planned: PlannedRun) -> Finding | None:
        wrapper = planned.config.get('optim_wrapper') or {}
        count = wrapper.get('accumulative_counts', 1)
        if count == 1:
            return None
        length = planned.built.max_iters
        errors = (
            f'optim_wrapper.accumulative_counts={count} is more than the '
            f'{length} iterations of the run, which would make no whole '
            'update; set a smaller one, or train longer',
        )
        return Finding(
            f'updates of {count} of {length} iterations',
            errors if count > length else (),
        )


def _shortened(cfg: Config, length: int) -> Iterator[tuple[str, str]]:
    """Return variables of shortened warm-ups, with a message each."""
    end = cfg.get('warmup_end')
    for name in ('warmup_epochs', 'warmup_iters'):
        given = cfg.get(name)
        if given and end and given > end:
            yield (
                name,
                f'{name}={given} is not shorter than the run of {length}: the '
                f'warm-up ends at {end:g}',
            )


def schedule_phases(cfg: Config) -> list[Phase] | None:
    """Return all schedulers of a config; ``None`` if they cannot be built."""
    # Several optimizers have a dict of schedules.
    parts = walk('param_scheduler', cfg.get('param_scheduler'))
    try:
        return [
            Phase(
                key,
                type_name(part),
                part,
                float(part.get('begin', 0)),
                float(part.get('end', math.inf)),
                bool(part.get('by_epoch', True)),
            )
            for key, part in parts
            if isinstance(part, Mapping) and 'type' in part
        ]
    # Building them raises the error.
    except (TypeError, ValueError):
        return None


def schedule_warnings(
    phases: list[Phase], length: int, unit: str, whole: bool = True
) -> Iterator[str]:
    """Yield a warning for each disagreement with the run's length.

    Args:
        phases: Phases in the unit of the run.
        unit: 'epoch' or 'iteration'.
        whole: Whether these are all schedulers of the run.
    """
    for phase in phases:
        late = [step for step in phase.milestones if step >= length]
        if phase.begin >= length:
            yield (
                f'{phase.key} ({phase.kind}) begins at {unit} '
                f'{phase.begin:g}, the run ends at {length}: it has no effect'
            )
        elif late:
            yield (
                f'{phase.key}.milestones: {", ".join(f"{s:g}" for s in late)} '
                f'are after the end of the run at {unit} {length}'
            )
        elif length < phase.last_change < math.inf:
            yield (
                f'{phase.key} ({phase.kind}) ends at {unit} '
                f'{phase.last_change:g}, the run at {length}, before the '
                f'schedule is complete; set its end to {length}'
            )
    # A jump or an open end holds to the end of the run.
    last = max((phase.last_change for phase in phases), default=math.inf)
    if whole and last < length:
        key = max(phases, key=lambda phase: phase.last_change).key
        yield (
            f'param_scheduler ends at {unit} {last:g} ({key}), the run at '
            f'{length}; the last value is kept for the rest of the run'
        )


def _without(phase: Phase) -> str:
    """Say how a warm-up is left out."""
    if phase.begin or 'start_factor' not in phase.settings:
        return ''
    return (
        f'; for no warm-up, keep its length and set {phase.key}.start_factor=1'
    )


def _beyond(phase: Phase, length: int, by_epoch: bool) -> str:
    if phase.by_epoch == by_epoch and phase.begin >= length:
        return f', and the run ends at {length}: begin earlier, or run longer'
    return ''


def _intervals(
    cfg: Config, length: int, by_epoch: bool, unit: str
) -> Iterator[str]:
    """Yield warnings on events after the end of the run."""
    loop = cfg.train_cfg
    begin = loop.get('val_begin', 1)
    if cfg.get('val_dataloader') is not None and begin > length:
        yield (
            f'train_cfg.val_begin={begin} lies beyond the end of the run at '
            f'{unit} {length}: it never validates'
        )
    for index, pair in enumerate(loop.get('dynamic_intervals') or ()):
        if pair[0] > length:
            yield (
                f'train_cfg.dynamic_intervals.{index} begins at {unit} '
                f'{pair[0]}, the run ends at {length}: it has no effect'
            )
    for key, hook in configured_hooks(cfg):
        begin = hook.get(f'begin_{"epoch" if by_epoch else "iter"}') or 0
        if begin >= length:
            yield (
                f'{key} begins at {unit} {begin}, the run ends at {length}: '
                f'it has no effect'
            )
        kind = type_name(hook)
        interval = hook.get('interval', -1)
        if (
            kind.endswith('CheckpointHook')
            and hook.get('by_epoch', True) == by_epoch
            and not hook.get('save_last', True)
            and not 0 < interval <= length
        ):
            yield (
                f'{key}: with save_last=False and interval={interval} a run '
                f'of {length} {unit}s writes no checkpoint'
            )


def configured_hooks(cfg: Config) -> Iterator[tuple[str, Mapping]]:
    """Yield key and config of the hooks of a run."""
    named = (cfg.get('default_hooks') or {}).items()
    listed = enumerate(cfg.get('custom_hooks') or ())
    for top, hooks in (('default_hooks', named), ('custom_hooks', listed)):
        for name, hook in hooks:
            if isinstance(hook, Mapping):
                yield f'{top}.{name}', hook
