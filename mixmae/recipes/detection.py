"""Fine-tuning of a detector on own objects."""

from __future__ import annotations

import math
import os
from pathlib import Path

from mixmae.recipes.coco_sets import CocoSets, read_coco_sets
from mixmae.recipes.config_template import Code, Setting
from mixmae.recipes.fine_tuning_settings import (
    UNEVEN,
    FineTuningOptions,
    FineTuningPlan,
    listed_counts,
    network_settings,
    pyramid_channels,
)
from mixmae.recipes.image_statistics import fitted, median_sides
from mixmae.recipes.initial_network import InitialNetwork
from mixmae.recipes.schedule import FINE_TUNINGS, fine_tuning_schedule

TEMPLATE = 'detection/own-coco.py'
# Of mmdet's recipes on COCO.
REFERENCE = FINE_TUNINGS['detection']
# Objects of fewer tokens than this need smaller anchors.
FEW_TOKENS = 6


def plan_detection(
    data: str | os.PathLike,
    network: InitialNetwork,
    folder: Path,
    options: FineTuningOptions,
) -> FineTuningPlan:
    """Read COCO annotations, and derive the settings of a run.

    See ``plan_classification``; the network must also have a pyramid.
    """
    channels = pyramid_channels(network, 'a detector')
    sets = read_coco_sets(data, options)
    if options.classes is not None and (
        tuple(options.classes) != sets.classes
    ):
        raise ValueError(
            f'classes={tuple(options.classes)} does not match the categories '
            f'of the annotations, {sets.classes}; leave classes out: names '
            f'and order are taken from the file'
        )
    sets.write(folder)
    count = len(sets.train.content['images'])
    scale, sizing = _scale(sets, options)
    anchor, anchoring = _anchor(sets, scale, network)
    often, balancing = _oversampling(sets, options)
    width = max(32, min(256, network.channels[-1] // 4))
    files = folder.resolve()
    run = fine_tuning_schedule(
        options,
        network,
        count,
        scale,
        REFERENCE,
    )
    shown = sets.train.content['images']
    empty = sets.train.empty()
    settings = [
        Setting(
            'classes',
            sets.classes,
            f'{len(sets.classes)} in the order of the categories',
        ),
        Setting('category_ids', tuple(sets.category_ids())),
        *network_settings(
            network,
            options,
            channels,
            [str(sets.train.images / image['file_name']) for image in shown],
        ),
        Setting('data_root', str(sets.root())),
        Setting('train_file', f'{files}/train.json'),
        Setting('val_file', f'{files}/val.json'),
        Setting('img_dir', Code('data_root')),
        Setting(
            'with_mask',
            sets.with_mask,
            'every object has a mask: Mask R-CNN'
            if sets.with_mask
            else 'objects have no masks: Faster R-CNN',
        ),
        Setting('img_size', scale[1], sizing),
        Setting('longest_side', scale[0]),
        Setting('anchor_scale', anchor, anchoring),
        Setting('oversample_below', often, balancing),
        Setting('channels', width),
        Setting('fc_channels', 4 * width),
        *run,
    ]
    objects = sets.objects()
    return FineTuningPlan(
        TEMPLATE,
        settings,
        [
            *sets.notes,
            f'{count} images to train on, {empty} of them without objects '
            f'(kept as negative examples), {len(sets.val.content["images"])} '
            'to validate on; objects: ' + listed_counts(objects),
        ],
    )


def _scale(
    sets: CocoSets, options: FineTuningOptions
) -> tuple[tuple[int, int], str]:
    long, short = median_sides(sets.train.sizes())
    if options.image_size is not None:
        side = options.image_size
        return (round(side * long / short), side), 'as given'
    return fitted((long, short), REFERENCE.size), (
        f'the median image has {long} x {short} pixels; at most '
        f'{REFERENCE.size[0]} x {REFERENCE.size[1]}'
    )


def _anchor(
    sets: CocoSets, scale: tuple[int, int], network: InitialNetwork
) -> tuple[int, str]:
    """Return the scale of anchors that fits small objects."""
    sizes = {i['id']: i for i in sets.train.content['images']}
    sides = []
    for entry in sets.train.content['annotations']:
        image = sizes[entry['image_id']]
        long = max(image['width'], image['height'])
        short = min(image['width'], image['height'])
        factor = min(scale[0] / long, scale[1] / short)
        _, _, width, height = entry['bbox']
        sides.append(factor * math.sqrt(max(width * height, 0)))
    sides.sort()
    small = sides[len(sides) // 10]
    few = FEW_TOKENS * network.backbone['patch_size']
    word = 'less' if small < few else 'no less'
    return (4 if small < few else 8), (
        f'a tenth of the objects measures up to {small:.0f} pixels, {word} '
        f'than {FEW_TOKENS} tokens'
    )


def _oversampling(
    sets: CocoSets, options: FineTuningOptions
) -> tuple[float, str]:
    shown = {k: n for k, n in sets.images_with().items() if n}
    most, least = max(shown.values()), min(shown.values())
    counted = f'each class is in {least} to {most} images'
    if options.class_weights is False:
        return 0.0, 'as given: no image is repeated'
    if options.class_weights is None and most <= UNEVEN * least:
        return 0.0, f'{counted}: within a factor of {UNEVEN:g}'
    threshold = most / UNEVEN if most > UNEVEN * least else most
    share = threshold / len(sets.train.content['images'])
    return round(share, 4), f'{counted}: images of rare ones are repeated'
