"""Channels of a backbone's maps and of what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.model import is_model_wrapper

from mixmae.preflight.check import Check, Finding, PlannedRun


class Channels(Check):
    """Compares the maps of our backbones with ``in_channels`` behind them."""

    name = 'channels'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        model: Any = planned.runner.model if planned.runner else None
        if is_model_wrapper(model):
            model = model.module
        backbone = getattr(model, 'backbone', None)
        features = getattr(backbone, 'num_features', None)
        indices = getattr(backbone, 'out_indices', None)
        cfg = planned.config.get('model')
        if not features or not indices or not isinstance(cfg, Mapping):
            return None
        maps = [features[index] for index in indices]
        errors = [
            f'{key}.in_channels={given} and the backbone has {made} channels '
            f'there (model.backbone.out_indices={tuple(indices)})'
            for key, given, made in _expected(cfg, maps)
            if given != made
        ]
        return Finding(f'maps of {maps}', errors=tuple(errors))


def _expected(
    cfg: Mapping, maps: list[int]
) -> Iterator[tuple[str, list[int], list[int]]]:
    """Key, channels that a part expects, and those that it gets."""
    neck = cfg.get('neck')
    if isinstance(neck, Mapping) and 'in_channels' in neck:
        given = neck['in_channels']
        if isinstance(given, (list, tuple)):
            yield 'model.neck', list(given), maps
        elif isinstance(given, int):
            yield 'model.neck', [given], maps[-1:]
        return
    head = cfg.get('head')
    if isinstance(head, Mapping) and isinstance(head.get('in_channels'), int):
        yield 'model.head', [head['in_channels']], maps[-1:]
    if neck is not None:
        return
    for name in ('decode_head', 'auxiliary_head'):
        part = cfg.get(name)
        heads = part if isinstance(part, (list, tuple)) else [part]
        for index, one in enumerate(heads):
            key = (
                f'model.{name}.{index}' if one is not part else f'model.{name}'
            )
            if isinstance(one, Mapping) and 'in_channels' in one:
                yield key, *_of_head(one, maps)


def _of_head(head: Mapping, maps: list[int]) -> tuple[list[int], list[int]]:
    given, chosen = head['in_channels'], head.get('in_index', -1)
    given = list(given) if isinstance(given, (list, tuple)) else [given]
    chosen = list(chosen) if isinstance(chosen, (list, tuple)) else [chosen]
    fitting = [i for i in chosen if -len(maps) <= i < len(maps)]
    return given, [maps[i] for i in fitting]
