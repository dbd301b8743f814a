"""Number of classes of the model and of its evaluators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from mixmae.preflight.check import Check, Finding, Mode, PlannedRun


class ClassCount(Check):
    """Compares a classifier's classes with its evaluators and top-k."""

    name = 'classes of evaluators'

    def run(self, planned: PlannedRun) -> Finding | None:
        model = planned.config.get('model')
        head = model.get('head') if isinstance(model, Mapping) else None
        if not isinstance(head, Mapping):
            return None
        count = head.get('num_classes')
        if isinstance(count, bool) or not isinstance(count, int):
            return None
        errors = []
        places = list(evaluators(planned.config, planned.mode))
        if head.get('cal_acc'):
            places.append(('model.head', head))
        for key, part in places:
            top = part.get('topk', ())
            top = [top] if isinstance(top, int) else list(top or ())
            fitting = [k for k in top if isinstance(k, int) and k <= count]
            if len(fitting) < len(top):
                errors.append(
                    f'{key}.topk={tuple(top)}: the model has only {count} '
                    f'classes (model.head.num_classes); set '
                    f'{key}.topk={fitting or [1]}'
                )
            other = part.get('num_classes')
            if other is not None and other != count:
                errors.append(
                    f'{key}.num_classes={other} and '
                    f'model.head.num_classes={count} differ'
                )
        return Finding(
            f'{count} classes, {len(places)} evaluators', errors=tuple(errors)
        )


def evaluators(cfg: Config, mode: Mode) -> Iterator[tuple[str, Mapping]]:
    """Key and config of the evaluators that a run uses."""
    split = 'val' if mode == 'train' else 'test'
    if cfg.get(f'{split}_dataloader') is not None:
        yield from _evaluators(
            f'{split}_evaluator', cfg.get(f'{split}_evaluator')
        )


def _evaluators(key: str, part: Any) -> Iterator[tuple[str, Mapping]]:
    if isinstance(part, (list, tuple)):
        for index, item in enumerate(part):
            yield from _evaluators(f'{key}.{index}', item)
    elif isinstance(part, Mapping):
        yield key, part
        yield from _evaluators(f'{key}.metrics', part.get('metrics'))
