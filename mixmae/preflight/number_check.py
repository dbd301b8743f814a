"""Checks of numbers: ranges, batch sizes, channels of feature maps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.dist import get_world_size

from mixmae.config.config_paths import type_name, walk
from mixmae.datasets.samplers.resumable_samplers import is_update_sampler
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.schedule_check import configured_hooks, schedule_phases

# Heads of mmseg that pool maps, and to which sides.
POOLED_HEADS = {'UPerHead': (1, 2, 3, 6), 'PSPHead': (1, 2, 3, 6)}


class Range(NamedTuple):
    """Numbers that a setting may have.

    Attributes:
        least: The smallest.
        most: The largest.
        whole: Whether it must be an integer.
        open: Whether ``least`` itself is not allowed.
        optional: Whether it may be None.
    """

    least: float
    most: float = math.inf
    whole: bool = True
    open: bool = False
    optional: bool = False

    def error(self, key: str, value: Any) -> str | None:
        """One line, if a value is out of range."""
        kind = int if self.whole else (int, float)
        if (value is None and self.optional) or (
            isinstance(value, kind)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and self.least <= value <= self.most
            and not (self.open and value == self.least)
        ):
            return None
        what = 'an integer' if self.whole else 'a number'
        bound = 'above' if self.open else 'of at least'
        most = f', at most {self.most:g}' if self.most < math.inf else ''
        return f'{key}={value!r} must be {what} {bound} {self.least:g}{most}'


POSITIVE = Range(1)
RATE = Range(0, whole=False)
# 0 would remove the gradient, less would change its sign.
LIMIT = Range(0, whole=False, open=True)
# By pattern of the key.
RANGES = {
    '*_dataloader.batch_size': POSITIVE,
    # More processes would stop the machine.
    '*_dataloader.num_workers': Range(0, 1024),
    '*_dataloader.timeout': Range(0, whole=False, optional=True),
    '*_dataloader.prefetch_factor': Range(1, optional=True),
    'randomness.seed': Range(0, 2**32 - 1, optional=True),
}
TRAINING_RANGES = {
    'train_cfg.max_epochs': POSITIVE,
    'train_cfg.max_iters': POSITIVE,
    'train_cfg.val_interval': POSITIVE,
    'train_cfg.dynamic_intervals.*.0': Range(0),
    'train_cfg.dynamic_intervals.*.1': POSITIVE,
    'log_processor.window_size': POSITIVE,
    'optim_wrapper.accumulative_counts': POSITIVE,
    'optim_wrapper.optimizer.lr': RATE,
    'optim_wrapper.optimizer.weight_decay': RATE,
    'optim_wrapper.clip_grad.max_norm': LIMIT,
    'optim_wrapper.clip_grad.clip_value': LIMIT,
    'auto_scale_lr.base_batch_size': POSITIVE,
}
Number = tuple[str, Any, Range]


class RunNumbers(Check):
    """Compares lengths, intervals, batch sizes and rates with their ranges."""

    name = 'numbers'

    def run(self, planned: PlannedRun) -> Finding | None:
        cfg = planned.config
        training = planned.mode == 'train'
        ranges = {**RANGES, **TRAINING_RANGES} if training else RANGES
        numbers: list[Number] = [
            (key, value, allowed)
            for key, value in walk('', dict(cfg.items()))
            for pattern, allowed in ranges.items()
            if fnmatchcase(key, pattern)
        ]
        if training:
            numbers += [*_intervals(cfg), *_final_rates(cfg)]
        lines = [one.error(key, value) for key, value, one in numbers]
        errors = [line for line in lines if line]
        if training:
            errors += _single_values(cfg)
        return Finding(f'{len(numbers)} numbers', errors=tuple(errors))


def _intervals(cfg: Config) -> Iterator[Number]:
    for key, hook in configured_hooks(cfg):
        interval = hook.get('interval')
        never = interval == -1 and 'Checkpoint' in str(hook.get('type'))
        if interval is not None and not never:
            yield f'{key}.interval', interval, POSITIVE


def _final_rates(cfg: Config) -> Iterator[Number]:
    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer')
    rate = optimizer.get('lr') if isinstance(optimizer, Mapping) else None
    allowed = RATE
    if rate is not None and RATE.error('lr', rate) is None:
        allowed = RATE._replace(most=rate)
    for phase in schedule_phases(cfg) or ():
        if phase.kind.endswith('LR') and 'eta_min' in phase.settings:
            yield f'{phase.key}.eta_min', phase.settings['eta_min'], allowed


def _single_values(cfg: Config) -> Iterator[str]:
    """Yield errors on heads whose batch norms see one value per channel."""
    size = (cfg.get('train_dataloader') or {}).get('batch_size')
    model = cfg.get('model') or {}
    for name in ('decode_head', 'auxiliary_head'):
        head = model.get(name)
        if not isinstance(head, Mapping):
            continue
        pooled = 1 in (
            head.get('pool_scales') or POOLED_HEADS.get(type_name(head)) or ()
        )
        norm = str((head.get('norm_cfg') or {}).get('type'))
        alone = norm == 'BN' or (norm == 'SyncBN' and get_world_size() == 1)
        if size == 1 and pooled and alone:
            yield (
                f'train_dataloader.batch_size=1: model.{name} pools each map '
                f'to one value per channel, which {norm} cannot normalise; '
                f'set train_dataloader.batch_size=2 or more'
            )


class UpdateSize(Check):
    """Compares the ``UpdateSampler`` with data loader and accumulation."""

    name = 'images per update'
    modes = ('train',)

    def run(self, planned: PlannedRun) -> Finding | None:
        loader = planned.config.get('train_dataloader') or {}
        wrapper = planned.config.get('optim_wrapper') or {}
        sampler = loader.get('sampler')
        if isinstance(sampler, Mapping) and sampler.get('shuffle') is False:
            return Finding(
                'no shuffling',
                warnings=(
                    'train_dataloader.sampler.shuffle=False: images come in '
                    'the order of the data set, which is often that of the '
                    'classes; leave it out to shuffle them',
                ),
            )
        if sampler is None or not is_update_sampler(sampler):
            return None
        counts = wrapper.get('accumulative_counts', 1)
        pairs = [
            ('batch_size', 'train_dataloader', loader.get('batch_size')),
            ('accumulative_counts', 'optim_wrapper', counts),
        ]
        errors = [
            f'train_dataloader.sampler.{name}={sampler[name]} and '
            f'{place}.{name}={value} differ; set both to the same number, or '
            f'remove train_dataloader.sampler.{name} from the config'
            for name, place, value in pairs
            if sampler.get(name) is not None and sampler[name] != value
        ]
        said = ' x '.join(f'{name} {value}' for name, _, value in pairs)
        return Finding(said, errors=tuple(errors))


class FeatureChannels(Check):
    """Compares channels of our backbones with ``in_channels`` after them."""

    name = 'feature channels'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        backbone = getattr(planned.model, 'backbone', None)
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
    """Yield key, expected channels and actual channels of each part."""
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
