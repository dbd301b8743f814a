"""Fine-tuning of a classifier on own classes."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from mixmae.recipes.class_lists import read_class_lists
from mixmae.recipes.config_template import Code, Setting
from mixmae.recipes.fine_tuning_settings import (
    FineTuningOptions,
    FineTuningPlan,
    class_weights,
    derived,
    listed_counts,
    network_settings,
)
from mixmae.recipes.image_statistics import median_size
from mixmae.recipes.initial_network import InitialNetwork
from mixmae.recipes.schedule import FINE_TUNINGS, fine_tuning_schedule

TEMPLATE = 'classification/own-classes.py'


def plan_classification(
    data: str | os.PathLike,
    network: InitialNetwork,
    folder: Path,
    options: FineTuningOptions,
) -> FineTuningPlan:
    """Read class folders or a CSV, and derive the settings of a run.

    Args:
        data: See ``read_class_lists``.
        network: The network to start from.
        folder: Folder for the lists or annotations of both splits.
        options: Arguments of the call.

    Raises:
        ValueError: The data cannot be trained on.
    """
    lists = read_class_lists(data, options)
    if options.classes is not None:
        if set(options.classes) != set(lists.classes):
            raise ValueError(
                f'classes={tuple(options.classes)} does not match the data, '
                f'which has {lists.classes}; leave classes out, or give the '
                f'same names in another order'
            )
        lists = replace(lists, classes=tuple(options.classes))
    lists.write(folder)
    counts = Counter(name for _, name in lists.train)
    frequencies = {name: counts[name] for name in lists.classes}
    files = [str(lists.root / path) for path, _ in lists.train]
    short = min(median_size(files))
    size, why = derived(
        options.image_size,
        network.img_size,
        f'as in the pretraining, which the windows fit (the median short '
        f'side of the images is {short})',
    )
    weights, weighing = class_weights(
        frequencies, options.class_weights, 'images'
    )
    lists_dir = folder.resolve()
    count = len(lists.classes)
    run = fine_tuning_schedule(
        options,
        network,
        len(lists.train),
        (size, size),
        FINE_TUNINGS['classification'],
    )
    settings = [
        Setting(
            'classes',
            lists.classes,
            f'{count} in the order of the labels'
            + (', topk is 1 and 5' if count > 5 else ', topk is 1'),
        ),
        *network_settings(network, options, network.channels[-1], files),
        Setting(
            'data_root',
            str(lists.root),
            f'{len(lists.train)} images to train on',
        ),
        *(
            Setting(
                f'{split}_data',
                dict(
                    data_root=Code('data_root'),
                    ann_file=f'{lists_dir}/{split}.txt',
                ),
            )
            for split in ('train', 'val')
        ),
        Setting('img_size', size, why),
        Setting('class_weight', weights, weighing),
        *run,
    ]
    return FineTuningPlan(
        TEMPLATE,
        settings,
        [
            *lists.notes,
            f'{len(lists.train)} images to train on, {len(lists.val)} to '
            f'validate on; {listed_counts(frequencies)}',
        ],
    )
