"""Checks of a resumed run against its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from mmengine.config import Config

from mixmae.checkpoints.loading.config_allowlist import (
    SCOPES,
    registered_parts,
)
from mixmae.config.option_values import plain_config
from mixmae.engine.loops.resumable_loops import new_run, refused_data
from mixmae.engine.manifest.checkpoint_search import StartPoint
from mixmae.engine.manifest.run_record import ImageNames, RunRecord
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.resume_rules import Difference, Effect, differences
from mixmae.registry import OPTIM_WRAPPERS, PARAM_SCHEDULERS

FLAG = '--resume-with'
Choice = Literal['config', 'checkpoint']
# Lines for one run, and characters of a value in them.
LINES = 8
WIDTH = 120


class ResumeSettings(Check):
    """Compares the config of a resumed run with that of its checkpoint.

    Args:
        start: Checkpoint that the run resumes from.
        choice: Source of settings that may change: 'config', 'checkpoint'.
    """

    name = 'resumed config'
    protects = True
    modes = ('train',)

    def __init__(self, start: StartPoint, choice: Choice | None) -> None:
        self.start = start
        self.choice = choice

    def run(self, planned: PlannedRun) -> Finding:
        start = self.start
        errors = []
        if self.choice != 'config' and not has_schedules(
            start, planned.config
        ):
            errors.append(
                f'{start.path} contains the states of {start.schedules} '
                'schedules in param_scheduler, so the others would start '
                f'again: {FLAG} config steps those of the config to its '
                'iteration'
            )
        if start.record is None:
            return Finding(
                f'{start.path} without settings',
                tuple(errors),
                warnings=(
                    f'{start.path} does not record its settings, so they are '
                    'not compared with those of this run',
                ),
            )
        found = changes(start, planned.config)
        errors += [
            _refusal(one, start)
            for one in found
            if one.effect is Effect.REFUSED
        ]
        if self.choice is None:
            errors += [
                _question(one) for one in found if one.effect is Effect.CHOSEN
            ]
        if len(errors) > LINES:
            more = len(errors) - LINES
            errors = [*errors[:LINES], f'{more} further settings differ']
        return Finding(
            f'{len(found)} settings differ from those of {start.path}',
            tuple(errors),
        )


class ResumeData(Check):
    """Compares images, batches and number of ranks with a checkpoint's."""

    name = 'resumed data'
    protects = True
    stage = 'built'
    modes = ('train',)

    def __init__(self, start: StartPoint) -> None:
        self.start = start

    def run(self, planned: PlannedRun) -> Finding | None:
        then = self.start.record
        if then is None:
            return None
        now = RunRecord.of(planned.built)
        compared = f'{now.loader}'
        if then.loader is not None and then.loader != now.loader:
            return Finding(
                compared,
                (refused_data(then.loader, now.loader, self.start.path),),
            )
        return self._names(then, now, compared, planned.config)

    def _names(
        self, then: RunRecord, now: RunRecord, compared: str, cfg: Config
    ) -> Finding:
        moved = [
            one
            for one in changes(self.start, cfg)
            if one.effect is Effect.SAME_FILES
        ]
        pair = [x for x in (then.images, now.images) if x and x.digest]
        if len(pair) == 2:
            other = _other_images(*pair)
            if other is None:
                return Finding(f'{compared} of the same names')
            return Finding(
                compared,
                (
                    'the training images differ from those of '
                    f'{self.start.path}: {other} (the number is '
                    f'{pair[1].count:,}). Restore the same files, or '
                    f'{new_run(self.start.path)}',
                ),
            )
        if not moved:
            return Finding(compared)
        line = (
            f'{moved[0].key}={_shown(moved[0].now)}, and {self.start.path} '
            f'was written with {_shown(moved[0].then)}; whether the images '
            'are the same is unknown, because their names are not recorded'
        )
        if then.images is None:
            return Finding(compared, warnings=(line,))
        return Finding(
            compared,
            (f'{line}; restore this value, or {new_run(self.start.path)}',),
        )


def _other_images(then: ImageNames, now: ImageNames) -> str | None:
    """Say what differs; what a record lacks is not compared."""
    said = {
        'digest': 'their names, order or labels differ',
        'objects': 'their boxes, masks or label maps differ',
        'content': 'the content of files differs, or some are missing',
    }
    for name, text in said.items():
        one, other = getattr(then, name), getattr(now, name)
        if one and other and one != other:
            return text
    return None


def changes(start: StartPoint, cfg: Config) -> list[Difference]:
    """Settings in which a config differs from that of a checkpoint."""
    if start.record is None:
        return []
    found = differences(start.record.config, plain_config(cfg))
    seed = (cfg.get('randomness') or {}).get('seed')
    if start.seed is not None and seed != start.seed:
        key = 'randomness.seed'
        found.append(Difference(key, start.seed, seed, Effect.REFUSED))
    return found


def changed_keys(start: StartPoint, cfg: Config) -> str:
    """Keys of settings that a resumed run does not follow, as text."""
    keys = [
        one.key
        for one in changes(start, cfg)
        if one.effect in (Effect.CHOSEN, Effect.REFUSED)
    ]
    more = [f'{len(keys) - LINES} others'] if len(keys) > LINES else []
    return ', '.join([*keys[:LINES], *more])


def has_schedules(start: StartPoint, cfg: Config) -> bool:
    """Return True if a checkpoint has a state for each schedule."""
    found = cfg.get('param_scheduler') or []
    return start.schedules >= (len(found) if isinstance(found, list) else 1)


def keep_settings(
    cfg: Config, found: Sequence[Difference], source: str
) -> None:
    """Take settings that may be chosen from the checkpoint.

    Args:
        cfg: Is changed.
        found: Return value of ``changes``.
        source: Path of the checkpoint.

    Raises:
        ValueError: The checkpoint names a type that is not registered.
    """
    for one in found:
        if one.effect is not Effect.CHOSEN:
            continue
        *parents, name = one.key.split('.')
        place: Any = cfg
        for parent in parents:
            if place.get(parent) is None:
                place[parent] = {}
            place = place[parent]
        if one.then is None:
            place.pop(name, None)
        else:
            kept = registered_parts(
                {name: one.then},
                (OPTIM_WRAPPERS, PARAM_SCHEDULERS),
                source,
                cfg.get('default_scope') or 'mmengine',
                SCOPES,
            )
            place[name] = kept[name]


def _refusal(one: Difference, start: StartPoint) -> str:
    return (
        f'{one.key}={_shown(one.now)}, and {start.path} was written with '
        f'{_shown(one.then)}; restore this value, or {new_run(start.path)}'
    )


def _question(one: Difference) -> str:
    return (
        f'{one.key}={_shown(one.now)}, and the checkpoint was written with '
        f'{_shown(one.then)}: {FLAG} config uses the value of the config, '
        f'{FLAG} checkpoint keeps that of the checkpoint'
    )


def _shown(value: Any) -> str:
    if value is None:
        return 'nothing'
    text = repr(value)
    return text if len(text) <= WIDTH else f'{text[:WIDTH]}...'
