"""Checks of images: sizes, mean and std per channel, kinds of files."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from mixmae.config.config_paths import type_name
from mixmae.datasets.corrupt.corrupt_image_error import (
    CorruptImageError,
    unsupported,
)
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import image_header
from mixmae.datasets.listed_paths import image_sets, leaf_sets, loader_of
from mixmae.models.data_preprocessor import IMAGENET_MEAN
from mixmae.preflight.check import Check, Finding, PlannedRun
from mixmae.preflight.data_sets import image_sizes
from mixmae.registry import TASK_UTILS


class ImageSizes(Check):
    """Image sizes fit the masking, or those of training and evaluation agree.

    For a pretraining it draws a mask of each size. Pipelines without a fixed
    size are not checked.
    """

    name = 'image sizes'

    def run(self, planned: PlannedRun) -> Finding | None:
        cfg = planned.config
        model = cfg.get('model')
        data = model.get('data_preprocessor') if model else None
        masking = data.get('masking') if isinstance(data, Mapping) else None
        if not isinstance(masking, Mapping):
            other = 'val' if planned.mode == 'train' else 'test'
            return _same_sizes(cfg, other)
        splits = ('train', 'val') if planned.mode == 'train' else ('test',)
        compared, errors = [], []
        for key, size in _sizes(cfg, *splits):
            if size is None:
                continue
            compared.append(f'{key.split("_")[0]} {size[0]}x{size[1]}')
            try:
                TASK_UTILS.build(masking)(1, *size, torch.Generator())
            except ValueError as error:
                errors.append(
                    f'{key}.pipeline and model.data_preprocessor.masking '
                    f'do not match: {error}'
                )
            # Building the model raises the error of the masking.
            except (KeyError, TypeError):
                return None
        if not compared:
            return None
        return Finding(', '.join(dict.fromkeys(compared)), tuple(errors))


def _sizes(
    cfg: Mapping, *splits: str
) -> list[tuple[str, tuple[int, int] | None]]:
    """Return keys and sizes of the pipelines of some splits."""
    loaders = [f'{split}_dataloader' for split in splits]
    return [
        pair
        for key in loaders
        for pair in image_sizes(key, cfg.get(key)).items()
    ]


def _same_sizes(cfg: Mapping, other: str) -> Finding | None:
    """Compare the sizes of images to train on and to evaluate on."""
    texts = {}
    for split in ('train', other):
        sizes = {size for _, size in _sizes(cfg, split)}
        if not sizes or None in sizes:
            return None
        shown = sorted(f'{size[0]}x{size[1]}' for size in sizes if size)
        texts[split] = ' and '.join(shown)
    compared = ', '.join(f'{k} {v}' for k, v in texts.items())
    if texts['train'] == texts[other]:
        return Finding(compared)
    warning = (
        f'images to train on have {texts["train"]} pixels, those of the '
        f'{other} data {texts[other]}: set the same size in '
        f'train_dataloader.dataset.pipeline and '
        f'{other}_dataloader.dataset.pipeline, unless it is meant'
    )
    return Finding(compared, warnings=(warning,))


class ImageChannels(Check):
    """Mean and standard deviation, for values of 0 to 255, one per channel.

    Preprocessors take any numbers: some fail in the first batch, others
    normalise all channels by one, or by units that the images do not have.
    """

    name = 'image channels'

    def run(self, planned: PlannedRun) -> Finding | None:
        model = planned.config.get('model') or {}
        channels = (model.get('backbone') or {}).get('in_channels', 3)
        settings = model.get('data_preprocessor') or {}
        found = {
            name: settings[name]
            for name in ('mean', 'std')
            if settings.get(name) is not None
        }
        if not found:
            return None
        stated = ' and '.join(f'{name}={v}' for name, v in found.items())
        compared = f'{stated}; in_channels={channels}'
        key = 'model.data_preprocessor'
        errors = [
            f'{key}.{name}={values}, but model.backbone.in_channels is '
            f'{channels}; set one number per channel'
            for name, values in found.items()
            if not _is_colour(values, channels)
        ]
        if errors:
            return Finding(compared, tuple(errors))
        warnings = []
        mean = tuple(found.get('mean', ()))
        if len(found) == 2 and 0 < max(mean) < 1 and max(found['std']) <= 1:
            errors.append(
                f'{key}: {stated} are in units of 0 to 1, but pixels have '
                'values of 0 to 255; multiply both by 255'
            )
        own = type_name(settings) == 'MaskingDataPreprocessor'
        to_rgb = settings.get('to_rgb', settings.get('bgr_to_rgb', own))
        if mean == (IMAGENET_MEAN[::-1] if to_rgb else IMAGENET_MEAN):
            order = 'RGB' if to_rgb else 'BGR'
            warnings.append(
                f'{key}.mean={list(mean)} is the mean of ImageNet in another '
                f'channel order than {order}, which the network takes; '
                'reverse mean and std, or change to_rgb (bgr_to_rgb)'
            )
        return Finding(compared, tuple(errors), tuple(warnings))


def _is_colour(values: Any, channels: int) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) == channels
        and all(isinstance(v, (int, float)) for v in values)
        and all(map(math.isfinite, values))
    )


# Images of each data set that are read, evenly spread over it.
SAMPLE = 8
# Seconds after which no further one is read.
PATIENCE = 3.0
LOADERS = {'train': ('train', 'val'), 'test': ('test',)}


@dataclass
class _InspectedImages:
    """Result of reading some images of a data set."""

    count: int = 0
    refused: list[str] = field(default_factory=list)
    warned: dict[str, str] = field(default_factory=dict)


class ImageKinds(Check):
    """Reads some images of each data set before the run.

    If at least half of them are valid files that the config's settings cannot
    read, the run does not start: it would replace most images by others.
    Warnings of the loaders are logged. Data sets that are decoded with
    different settings are an error. Missing and damaged files are handled by
    the run.
    """

    name = 'image kinds'
    stage = 'built'

    def run(self, planned: PlannedRun) -> Finding | None:
        decodings: dict[str, ImageDecoding] = {}
        compared: list[str] = []
        errors: list[str] = []
        warned: list[str] = []
        for name, dataset in _data_sets(planned):
            loader = loader_of(dataset)
            if not len(dataset):
                continue
            if loader is not None:
                decodings[name] = loader.decoding
            load = check_rgb if loader is None else loader.load
            looked = _look(dataset, load)
            compared.append(f'{looked.count} images of {name} read')
            refused = looked.refused
            if refused:
                found = (
                    f'{name}: {len(refused)} of {looked.count} images that '
                    f'were read are unsupported: {refused[0]}'
                )
                systematic = 2 * len(refused) >= looked.count
                (errors if systematic else warned).append(found)
            warned += [
                f'{name}, {path}: {text}'
                for text, path in looked.warned.items()
            ]
        if not compared:
            return None
        return Finding(
            ', '.join(compared),
            (*_differences(decodings), *errors),
            tuple(warned),
        )


def _data_sets(planned: PlannedRun) -> Iterator[tuple[str, Any]]:
    for name in LOADERS[planned.mode]:
        loader = getattr(planned.built, f'{name}_dataloader', None)
        dataset = getattr(loader, 'dataset', None)
        if dataset is not None:
            yield from image_sets(dataset, name)
            for one in leaf_sets(dataset):
                if loader_of(one) is None and _loads_by_mmcv(one):
                    yield name, one


def _loads_by_mmcv(dataset: Any) -> bool:
    pipeline = getattr(dataset, 'pipeline', None)
    return any(
        type(one).__name__ == 'LoadImageFromFile'
        for one in getattr(pipeline, 'transforms', ())
    )


def check_rgb(path: str, content: bytes | None = None) -> None:
    """Check that mmcv's loader would keep all information of a file.

    Raises:
        CorruptImageError: It holds more than 8-bit RGB, or cannot be read.
    """
    kind, _ = image_header(path, content)
    if kind.wide or kind.extra or kind.pages:
        raise unsupported(
            path,
            f'{kind}, which LoadImageFromFile reduces to 8-bit RGB',
            "load it by dict(type='mixmae.LoadImage', channels=..., "
            'value_range=(LOW, HIGH))',
        )


def _look(dataset: Any, load: Any) -> _InspectedImages:
    looked = _InspectedImages()
    count = len(dataset)
    end = time.monotonic() + PATIENCE
    chosen = {i * (count - 1) // max(1, SAMPLE - 1) for i in range(SAMPLE)}
    # Images that are no files by themselves are read by their data set.
    read = getattr(dataset, 'read_sample', dataset.get_data_info)
    for index in sorted(chosen):
        if looked.count and time.monotonic() > end:
            break
        looked.count += 1
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            try:
                results = read(index)
                path = results['img_path']
                load(path, results.get('img_bytes'))
            except CorruptImageError as error:
                if error.cause == 'unsupported':
                    looked.refused.append(str(error))
                continue
        for one in said:
            if issubclass(one.category, UserWarning):
                looked.warned.setdefault(str(one.message), path)
    return looked


def _differences(decodings: dict[str, ImageDecoding]) -> list[str]:
    """Return errors on data sets that are decoded differently."""
    if not decodings:
        return []
    first, expected = next(iter(decodings.items()))
    return [
        f'{name} reads images by {found}, {first} by {expected}; set the same '
        'background, extra_band and value_range in the loading transforms of '
        'both pipelines'
        for name, found in decodings.items()
        if found != expected
    ]
