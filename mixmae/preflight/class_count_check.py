"""Checks of a head's number of classes against data, losses and evaluators."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config
from torch import nn

from mixmae.config.config_paths import type_name
from mixmae.datasets.labels.label_fault import LabelFault
from mixmae.preflight.check import Check, Finding, Mode, PlannedRun
from mixmae.preflight.data_sets import built_sets, finding, nested_parts

# Proposals have one class, a semantic branch has those of other maps.
OTHER_CLASSES = ('rpn', 'semantic', 'panoptic', 'mask_iou')


class HeadClasses(Check):
    """Checks that heads have one output for each class of the data."""

    name = 'head and data'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        heads = dict(head_classes(planned.model))
        if not heads:
            return None
        data = {
            built.split: len(built.classes)
            for built in built_sets(planned)
            if isinstance(built.classes, (list, tuple))
        }
        stated = [f'{key}={count}' for key, count in heads.items()]
        faults = []
        if len(set(heads.values())) > 1:
            text = f'{", ".join(stated)}: set the same number for all of them'
            faults = [LabelFault('head and data', text)]
        if data:
            split, count = next(iter(data.items()))
            wrong = {k: n for k, n in heads.items() if n != count}
            if wrong:
                keys = ' '.join(f'{key}={count}' for key in wrong)
                faults = [
                    LabelFault(
                        'head and data',
                        f'the {split} data has {count} classes, '
                        + ', '.join(f'{k} is {n}' for k, n in wrong.items())
                        + f'; set {keys}, or use data with the classes of the '
                        'head',
                    )
                ]
        counted = [f'{split} data={count}' for split, count in data.items()]
        return finding(', '.join(stated + counted), faults)


def head_classes(model: nn.Module) -> Iterator[tuple[str, int]]:
    """Return key and number of classes of every part that has one."""
    seen: set[str] = set()
    for name, part in model.named_modules():
        count = getattr(part, 'num_classes', None)
        places = [place for place in name.split('.') if not place.isdigit()]
        key = '.'.join(['model', *places, 'num_classes'])
        if (
            isinstance(count, int)
            # Parts of a head repeat its number.
            and not any(key.startswith(f'{above}.') for above in seen)
            and not any(other in name for other in OTHER_CLASSES)
            and not name.startswith('backbone')
            and name
        ):
            seen.add(key.removesuffix('.num_classes'))
            yield key, count


class ClassCount(Check):
    """Compares a head's classes with its losses, evaluators and top-k."""

    name = 'classes of evaluators'

    def run(self, planned: PlannedRun) -> Finding | None:
        model = planned.config.get('model')
        if not isinstance(model, Mapping):
            return None
        errors = list(_losses('model', model))
        head = model.get('head')
        count = head.get('num_classes') if isinstance(head, Mapping) else None
        if type(count) is not int or not isinstance(head, Mapping):
            return Finding('losses', tuple(errors)) if errors else None
        errors += _of_augments(model, count)
        places = list(evaluators(planned.config, planned.mode))
        if head.get('cal_acc'):
            places.append(('model.head', head))
        for key, part in places:
            top = part.get('topk', ())
            top = list(top) if isinstance(top, (list, tuple)) else [top]
            fitting = [k for k in top if type(k) is int and 1 <= k <= count]
            wrong = [k for k in top if type(k) is not int or k < 1]
            if wrong or ('topk' in part and not top):
                errors.append(
                    f'{key}.topk={part["topk"]!r} must be integers of at '
                    f'least 1; set {key}.topk={fitting or [1]}'
                )
            elif len(fitting) < len(top):
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


def _losses(key: str, part: Any, count: int | None = None) -> Iterator[str]:
    """Yield errors on losses with another number of classes than their head.

    Args:
        count: Classes of the head that the part belongs to.
    """
    if isinstance(part, (list, tuple)):
        for index, one in enumerate(part):
            yield from _losses(f'{key}.{index}', one, count)
    if not isinstance(part, Mapping):
        return
    own = part.get('num_classes')
    if type_name(part).endswith('Loss') and count is not None:
        if type(own) is int and own != count:
            yield (
                f'{key}.num_classes={own}, and its head has num_classes='
                f'{count}; remove {key}.num_classes, or set it to {count}'
            )
        weights = part.get('class_weight')
        # Losses of detectors may have one more, for the background.
        background = '.bbox_head.' in key or 'mmdet' in str(part.get('type'))
        if isinstance(weights, (list, tuple)) and len(weights) not in (
            count,
            count + background,
        ):
            yield (
                f'{key}.class_weight has {len(weights)} values, and its head '
                f'num_classes={count}; set a value for each class'
            )
    elif type(own) is int:
        count = own
    for name, one in part.items():
        yield from _losses(f'{key}.{name}', one, count)


def _of_augments(model: Mapping, count: int) -> Iterator[str]:
    """Lines on batch augmentations of another number of classes."""
    augments = (model.get('train_cfg') or {}).get('augments') or ()
    if isinstance(augments, Mapping):
        augments = [augments]
    for index, part in enumerate(augments):
        own = part.get('num_classes') if isinstance(part, Mapping) else None
        if own is not None and own != count:
            key = f'model.train_cfg.augments.{index}.num_classes'
            yield (
                f'{key}={own} and model.head.num_classes={count} differ; set '
                f'{key}={count}'
            )


def evaluators(cfg: Config, mode: Mode) -> Iterator[tuple[str, Mapping]]:
    """Return key and config of the evaluators of a run."""
    split = 'val' if mode == 'train' else 'test'
    if cfg.get(f'{split}_dataloader') is not None:
        key = f'{split}_evaluator'
        yield from nested_parts(key, cfg.get(key), ['metrics'])
