"""Fine-tuning of a segmentor on own masks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mixmae.datasets.labels.mask_pairs import write_pairs
from mixmae.recipes.config_template import Code, Setting
from mixmae.recipes.fine_tuning_settings import (
    FineTuningOptions,
    FineTuningPlan,
    class_weights,
    derived,
    network_settings,
    pyramid_channels,
)
from mixmae.recipes.image_statistics import fitted, median_size
from mixmae.recipes.initial_network import InitialNetwork
from mixmae.recipes.mask_classes import MaskMeaning, mask_meaning
from mixmae.recipes.mask_sets import MaskSets, read_mask_sets
from mixmae.recipes.schedule import FINE_TUNINGS, fine_tuning_schedule

TEMPLATE = 'segmentation/own-masks.py'
# Of mmseg's recipes: size of a crop, and the long side of images.
REFERENCE = FINE_TUNINGS['segmentation']
CROP, LONGEST = REFERENCE.size[0], 2048
# Images of more crops are predicted crop by crop, which bounds the memory.
WHOLE_CROPS = 6
# Colours of classes in pictures, as far as masks have no palette.
COLOURS = (
    (60, 60, 60), (230, 120, 40), (50, 130, 220), (70, 180, 90),
    (210, 60, 80), (150, 90, 200), (240, 200, 60), (80, 200, 200),
    (240, 140, 190), (140, 100, 60), (160, 200, 80), (100, 100, 240),
)  # fmt: skip


def plan_segmentation(
    data: str | os.PathLike,
    network: InitialNetwork,
    folder: Path,
    options: FineTuningOptions,
) -> FineTuningPlan:
    """Read images and masks, and derive the settings of a run.

    See ``plan_classification``; the network must also have a pyramid.
    """
    channels = pyramid_channels(network, 'a segmentor')
    if options.images is not None:
        raise ValueError(
            'images has no effect on a segmentation: data is the folder that '
            'has both images and masks'
        )
    sets = read_mask_sets(data, folder, options)
    names = options.classes or sets.names
    meaning = mask_meaning(
        sets.pixels + sets.others, names, options.reduce_zero_label
    )
    for split in ('train', 'val'):
        write_pairs(folder / f'{split}.txt', getattr(sets, split))
    shares = _shares(sets.pixels, meaning)
    weights, weighing = class_weights(shares, options.class_weights, 'pixels')
    files = [str(sets.root / image) for image, _ in sets.train]
    long, short = median_size(files)
    scale = fitted((long, short), (LONGEST, LONGEST))
    crop, cropping = derived(
        options.image_size,
        max(32, min(CROP, short // 32 * 32)),
        f'side of crops: the median short side, at most {CROP}',
    )
    whole = scale[0] * scale[1] <= WHOLE_CROPS * crop**2
    run = fine_tuning_schedule(
        options,
        network,
        len(sets.train),
        (crop, crop),
        REFERENCE,
    )
    lists = folder.resolve()
    prefix = dict(img_path='', seg_map_path='')
    settings = [
        Setting('classes', meaning.classes, f'{len(meaning.classes)} classes'),
        *network_settings(network, options, channels, files),
        Setting(
            'data_root',
            str(sets.root),
            f'{len(sets.train)} images to train on',
        ),
        *(
            Setting(
                f'{split}_data',
                dict(
                    data_root=Code('data_root'),
                    ann_file=f'{lists}/{split}.txt',
                    data_prefix=prefix,
                ),
            )
            for split in ('train', 'val')
        ),
        *_meaning_settings(meaning, sets),
        Setting('class_weight', weights, weighing),
        Setting(
            'img_scale',
            scale,
            f'the median image has {long} x {short} pixels; at most {LONGEST}',
        ),
        Setting('img_size', crop, cropping),
        Setting(
            'test_mode',
            'whole' if whole else 'slide',
            f'images of up to {WHOLE_CROPS} crops are predicted at once, '
            'larger ones crop by crop',
        ),
        Setting('channels', max(32, min(512, network.channels[-1] // 16 * 8))),
        *run,
    ]
    return FineTuningPlan(
        TEMPLATE,
        settings,
        [
            *sets.notes,
            f'{len(sets.train)} images to train on, {len(sets.val)} to '
            f'validate on; pixels: ' + _listed(shares),
        ],
    )


def _meaning_settings(meaning: MaskMeaning, sets: MaskSets) -> list[Setting]:
    reduced, values = meaning.reduce_zero_label, meaning.label_values
    return [
        Setting('label_values', values, meaning.rule if values else ''),
        Setting('reduce_zero_label', reduced, '' if values else meaning.rule),
        Setting(
            'palette',
            palette_of(meaning, sets.colours),
            'colours of the masks' if sets.colours else '',
        ),
    ]


def palette_of(
    meaning: MaskMeaning, colours: Sequence[Sequence[int]] | None
) -> list[list[int]]:
    """Return a colour for each class: that of the masks' palette, or ours."""
    found = [
        list(colours[value]) if colours and value < len(colours) else None
        for value in meaning.values()
    ]
    distinct = {tuple(one) for one in found if one is not None}
    if None not in found and len(distinct) == len(found):
        return [one for one in found if one is not None]
    chosen = [[*colour] for colour in COLOURS]
    while len(chosen) < len(found):
        # Spread over the hues; deterministic.
        k = len(chosen)
        chosen.append([(67 * k) % 256, (151 * k) % 256, (211 * k) % 256])
    return chosen[: len(found)]


def _shares(pixels: Counter[int], meaning: MaskMeaning) -> dict[str, int]:
    return {
        name: pixels[value]
        for name, value in zip(meaning.classes, meaning.values())
    }


def _listed(shares: dict[str, int]) -> str:
    total = sum(shares.values()) or 1
    return ', '.join(
        f'{100 * count / total:.2g} % {name}' for name, count in shares.items()
    )
