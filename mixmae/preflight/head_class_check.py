"""Check of a head's number of classes against the data."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from mixmae.datasets.labels.label_fault import LabelFault
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import built_sets, finding

# Proposals have one class, a semantic branch has those of other maps.
OTHER_CLASSES = ('rpn', 'semantic', 'panoptic', 'mask_iou')


class HeadClasses(Check):
    """Checks that heads have one output for each class of the data."""

    name = 'head and data'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        """Compare ``num_classes`` of all heads with the data's classes."""
        heads = dict(head_classes(planned.model))
        if not heads:
            return None
        data = {
            built.split: len(built.classes)
            for built in built_sets(planned)
            if isinstance(built.classes, (list, tuple))
        }
        faults = _disagreeing(heads)
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
        compared = [f'{key}={count}' for key, count in heads.items()]
        compared += [f'{split} data={count}' for split, count in data.items()]
        return finding(', '.join(compared), faults)


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


def _disagreeing(heads: dict[str, int]) -> list[LabelFault]:
    if len(set(heads.values())) == 1:
        return []
    stated = ', '.join(f'{key}={count}' for key, count in heads.items())
    text = f'{stated}: set the same number for all of them'
    return [LabelFault('head and data', text)]
