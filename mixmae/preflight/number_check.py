"""Checks of numbers: ranges, batch sizes, channels of feature maps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.dist import get_world_size

from mixmae.config.config_paths import data_loaders, type_name
from mixmae.datasets.samplers.resumable_samplers import is_update_sampler
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.schedule_check import configured_hooks, schedule_phases

# Processes of one data loader: more would stop the machine.
MOST_WORKERS = 1024
# Heads of mmseg that pool maps, and to which sides.
POOLED_HEADS = {'UPerHead': (1, 2, 3, 6), 'PSPHead': (1, 2, 3, 6)}


class Number(NamedTuple):
    """A number of a config.

    Attributes:
        key: As ``--cfg-options`` takes it.
        value: Value in the config.
        least: The smallest that is allowed.
        whole: Whether it must be an integer.
        most: The largest that is allowed.
        open: Whether ``least`` itself is not allowed.
    """

    key: str
    value: Any
    least: float
    whole: bool = True
    most: float = math.inf
    open: bool = False

    def error(self) -> str | None:
        """One line, if the value is out of range."""
        kind = int if self.whole else (int, float)
        if (
            isinstance(self.value, kind)
            and not isinstance(self.value, bool)
            and math.isfinite(self.value)
            and self.least <= self.value <= self.most
            and not (self.open and self.value == self.least)
        ):
            return None
        what = 'an integer' if self.whole else 'a number'
        bound = 'above' if self.open else 'of at least'
        most = f', at most {self.most:g}' if self.most < math.inf else ''
        return (
            f'{self.key}={self.value!r} must be {what} {bound} '
            f'{self.least:g}{most}'
        )


class RunNumbers(Check):
    """Compares lengths, intervals, batch sizes and rates with their ranges."""

    name = 'numbers'

    def run(self, planned: PlannedRun) -> Finding | None:
        cfg = planned.config
        numbers = [*_loaders(cfg), *_seed(cfg)]
        if planned.mode == 'train':
            numbers += _loop(cfg)
            numbers += _hooks(cfg)
            numbers += _optimizer(cfg)
            numbers += _rates(cfg)
        errors = [*filter(None, (number.error() for number in numbers))]
        if planned.mode == 'train':
            errors += _single_values(cfg)
        return Finding(f'{len(numbers)} numbers', errors=tuple(errors))


def _loaders(cfg: Config) -> Iterator[Number]:
    for key, loader in data_loaders(cfg):
        yield from _present(key, loader, batch_size=1)
        if 'num_workers' in loader:
            workers = loader['num_workers']
            yield Number(f'{key}.num_workers', workers, 0, most=MOST_WORKERS)
        if loader.get('timeout') is not None:
            yield Number(f'{key}.timeout', loader['timeout'], 0, whole=False)
        if loader.get('prefetch_factor') is not None:
            yield Number(
                f'{key}.prefetch_factor', loader['prefetch_factor'], 1
            )


def _seed(cfg: Config) -> Iterator[Number]:
    seed = (cfg.get('randomness') or {}).get('seed')
    if seed is not None:
        yield Number('randomness.seed', seed, 0, most=2**32 - 1)


def _loop(cfg: Config) -> Iterator[Number]:
    loop = cfg.get('train_cfg') or {}
    yield from _present(
        'train_cfg', loop, max_epochs=1, max_iters=1, val_interval=1
    )
    for index, pair in enumerate(loop.get('dynamic_intervals') or ()):
        if isinstance(pair, (list, tuple)) and len(pair) == 2:
            key = f'train_cfg.dynamic_intervals.{index}'
            yield Number(f'{key}.0', pair[0], 0)
            yield Number(f'{key}.1', pair[1], 1)


def _hooks(cfg: Config) -> Iterator[Number]:
    """Intervals of hooks, and of the log's averages."""
    for key, hook in configured_hooks(cfg):
        interval = hook.get('interval')
        never = interval == -1 and 'Checkpoint' in str(hook.get('type'))
        if interval is not None and not never:
            yield Number(f'{key}.interval', interval, 1)
    log = cfg.get('log_processor') or {}
    yield from _present('log_processor', log, window_size=1)


def _optimizer(cfg: Config) -> Iterator[Number]:
    wrapper = cfg.get('optim_wrapper') or {}
    yield from _present('optim_wrapper', wrapper, accumulative_counts=1)
    optimizer = wrapper.get('optimizer')
    if isinstance(optimizer, Mapping):
        for name in ('lr', 'weight_decay'):
            if name in optimizer:
                key = f'optim_wrapper.optimizer.{name}'
                yield Number(key, optimizer[name], 0, whole=False)
    clip = wrapper.get('clip_grad')
    for name in ('max_norm', 'clip_value'):
        # 0 would remove the gradient, less would change its sign.
        if isinstance(clip, Mapping) and name in clip:
            key = f'optim_wrapper.clip_grad.{name}'
            yield Number(key, clip[name], 0, whole=False, open=True)
    scaling = cfg.get('auto_scale_lr') or {}
    yield from _present('auto_scale_lr', scaling, base_batch_size=1)


def _rates(cfg: Config) -> Iterator[Number]:
    """Return the learning rates at the ends of the schedules."""
    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer')
    rate = optimizer.get('lr') if isinstance(optimizer, Mapping) else None
    most = math.inf
    if rate is not None and not Number('lr', rate, 0, False).error():
        most = rate
    for phase in schedule_phases(cfg) or ():
        if phase.kind.endswith('LR') and 'eta_min' in phase.settings:
            key, value = f'{phase.key}.eta_min', phase.settings['eta_min']
            yield Number(key, value, 0, whole=False, most=most)


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


def _present(key: str, part: Mapping, **least: int) -> Iterator[Number]:
    for name, smallest in least.items():
        if name in part:
            yield Number(f'{key}.{name}', part[name], smallest)


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
        pairs = [
            ('batch_size', 'train_dataloader', loader.get('batch_size')),
            (
                'accumulative_counts',
                'optim_wrapper',
                wrapper.get('accumulative_counts', 1)
                if isinstance(wrapper, Mapping)
                else 1,
            ),
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
