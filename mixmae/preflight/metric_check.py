"""Metrics of the evaluators, and what follows them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from numbers import Real
from typing import Any

from mmengine.config import Config
from mmengine.evaluator import BaseMetric

from mixmae.config.config_paths import type_name, walk
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.class_count_check import evaluators

COCO_ITEMS = ('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l')
COCO_RECALLS = (
    'AR@100',
    'AR@300',
    'AR@1000',
    'AR_s@1000',
    'AR_m@1000',
    'AR_l@1000',
)
# Allowed values of options, alone or in a list, by type of the metric.
OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    'IoUMetric': {'iou_metrics': ('mIoU', 'mDice', 'mFscore')},
    'CocoMetric': {
        'metric': ('bbox', 'segm', 'proposal', 'proposal_fast'),
        'metric_items': COCO_ITEMS + COCO_RECALLS,
    },
    **{
        key: {
            'items': ('precision', 'recall', 'f1-score', 'support'),
            'average': ('macro', 'micro', None),
        }
        for key in ('SingleLabelMetric', 'MultiLabelMetric')
    },
}


class MetricOptions(Check):
    """Compares options of evaluators with the values that they know.

    The evaluators themselves do so after an epoch.
    """

    name = 'options of evaluators'

    def run(self, planned: PlannedRun) -> Finding | None:
        count, errors = 0, []
        for key, part in evaluators(planned.config, planned.mode):
            kind = type_name(part)
            limits = part.get('thrs')
            limits = limits if isinstance(limits, (list, tuple)) else [limits]
            if not all(x is None or isinstance(x, Real) for x in limits):
                errors.append(
                    f'{key}.thrs={part["thrs"]!r} must be a number, None, or '
                    'a list of them'
                )
            for name, allowed in OPTIONS.get(kind, {}).items():
                if name not in part or part[name] is None:
                    continue
                count += 1
                value = part[name]
                listed = isinstance(value, (list, tuple))
                values = list(value) if listed else [value]
                wrong = [one for one in values if one not in allowed]
                if wrong or not values:
                    errors.append(
                        f'{key}.{name}={value!r}: {kind} knows '
                        f'{", ".join(map(str, allowed))}'
                    )
        if not count and not errors:
            return None
        return Finding(f'{count} options', tuple(errors))


class MetricNames(Check):
    """Compares the metrics that hooks and schedules follow with those given.

    What evaluators of other packages give is compared after the first
    validation.
    """

    name = 'metrics'
    stage = 'built'
    modes = ('train',)

    def run(self, planned: PlannedRun) -> Finding | None:
        followed = list(followed_metrics(planned.config))
        if not followed:
            return None
        loop = planned.built.val_loop
        if loop is None:
            return Finding(
                'no validation',
                warnings=tuple(
                    f'{key}={name} has no effect: this run has no validation'
                    for key, name in followed
                ),
            )
        known = given_names(loop)
        shown = ', '.join(f'{key}={name}' for key, name in followed)
        if known is None:
            return Finding(f'{shown}, of evaluators of other packages')
        return Finding(
            shown,
            tuple(
                _refusal(key, name, known)
                for key, name in followed
                # Losses of a validation are the model's.
                if name not in known and not name.startswith('val_')
            ),
        )

    def validated(self, planned: PlannedRun, found: Mapping) -> list[str]:
        """Compare with the results of the first validation."""
        numbers = [key for key, one in found.items() if _is_number(one)]
        # A detector that finds nothing has no results.
        known = given_names(planned.built.val_loop) or ()
        return [
            _refusal(key, name, numbers)
            for key, name in followed_metrics(planned.config)
            if name not in numbers and name not in known
        ]


def followed_metrics(cfg: Config) -> Iterator[tuple[str, str]]:
    """Key and name of the metrics that hooks and schedules follow."""
    for top in ('default_hooks', 'custom_hooks', 'param_scheduler'):
        for key, part in walk(top, cfg.get(top)):
            if isinstance(part, Mapping):
                yield from _followed(key, part)


def _followed(key: str, part: Mapping) -> Iterator[tuple[str, str]]:
    best = part.get('save_best')
    for name in best if isinstance(best, (list, tuple)) else [best]:
        if isinstance(name, str) and name != 'auto':
            yield f'{key}.save_best', name
    kind = type_name(part)
    if kind == 'EarlyStoppingHook' or kind.startswith('ReduceOnPlateau'):
        # MMEngine's default.
        name = part.get('monitor', 'loss')
        if isinstance(name, str):
            yield f'{key}.monitor', name


def given_names(loop: Any) -> set[str] | None:
    """Names of the numbers that a validation gives; ``None`` if unknown."""
    found: set[str] = set()
    for metric in getattr(getattr(loop, 'evaluator', None), 'metrics', ()):
        names = _names(metric)
        if names is None:
            return None
        prefix = f'{metric.prefix}/' if metric.prefix else ''
        found |= {prefix + name for name in names}
    return found


def _names(metric: BaseMetric) -> Collection[str] | None:
    for kind in type(metric).__mro__:
        if 'compute_metrics' in vars(kind):
            place = f'{kind.__module__.split(".")[0]}.{kind.__name__}'
            read = NAMES.get(place)
            return read(metric) if read else None
    return None


def _of_accuracy(metric: Any) -> list[str]:
    return [
        f'top{k}{suffix}' for k in metric.topk for suffix in _suffixes(metric)
    ]


def _of_classes(metric: Any) -> list[str]:
    if metric.average is None:
        # Lists of the classes.
        return []
    ending = '_micro' if metric.average == 'micro' else ''
    return [
        f'{item}{suffix}{ending}'
        for item in metric.items
        for suffix in _suffixes(metric)
    ]


def _suffixes(metric: Any) -> list[str]:
    if len(metric.thrs) < 2:
        return ['']
    return [
        '_no-thr' if one is None else f'_thr-{one:.2f}' for one in metric.thrs
    ]


def _of_maps(metric: Any) -> list[str]:
    if metric.format_only:
        return []
    given = {
        'mIoU': ['mIoU', 'mAcc'],
        'mDice': ['mDice', 'mAcc'],
        'mFscore': ['mFscore', 'mPrecision', 'mRecall'],
    }
    chosen = metric.metrics
    chosen = [chosen] if isinstance(chosen, str) else chosen
    return ['aAcc', *(name for one in chosen for name in given.get(one, ()))]


def _of_boxes(metric: Any) -> list[str]:
    if metric.format_only:
        return []
    found = []
    for one in metric.metrics:
        if one == 'proposal_fast':
            found += [f'AR@{number}' for number in metric.proposal_nums]
        elif one == 'proposal':
            found += metric.metric_items or COCO_RECALLS
        else:
            items = metric.metric_items or COCO_ITEMS
            found += [f'{one}_{item}' for item in items]
            if metric.classwise:
                names = (metric.dataset_meta or {}).get('classes') or ()
                found += [f'{name}_precision' for name in names]
    return found


NAMES: dict[str, Callable[[Any], Collection[str]]] = {
    'mmpretrain.Accuracy': _of_accuracy,
    'mmpretrain.SingleLabelMetric': _of_classes,
    # A matrix.
    'mmpretrain.ConfusionMatrix': lambda metric: (),
    'mmseg.IoUMetric': _of_maps,
    'mmdet.CocoMetric': _of_boxes,
    'mixmae.ReconstructionMetric': lambda metric: (
        'loss', 'mean_colour_loss', 'psnr', 'ratio'
    ),
    'mixmae.ClassDetails': lambda metric: (),
}  # fmt: skip


def _refusal(key: str, name: str, given: Collection[str]) -> str:
    if not given:
        return f'{key}={name}: the evaluators of val_evaluator give no numbers'
    near = difflib.get_close_matches(name, given, 1)
    # As often, without its prefix.
    near = near or [one for one in given if one.split('/')[-1] == name]
    hint = f'; did you mean {near[0]}?' if near else ''
    return (
        f'{key}={name}: the evaluators of val_evaluator give '
        f'{", ".join(sorted(given))}{hint}'
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) or getattr(value, 'ndim', 1) == 0
