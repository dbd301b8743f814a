"""Predictions of detectors and segmentors in a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from PIL import Image

from mixmae.evaluation.class_details import SCORE
from mixmae.evaluation.feature_extraction import evaluating
from mixmae.visualization.pictures import (
    blended,
    box_shares,
    class_colours,
    embedded_image,
    hex_colour,
    loaded_pixels,
    with_masks,
)
from mixmae.visualization.report.class_predictions import image_counts, quality

LONGEST = 360
SIDES = ' (right), and labels (left)'
MEASURES = {'pixels': 'mIoU', 'objects': 'F1'}


@torch.no_grad()
def drawn_predictions(
    model: Any, dataset: Any, collate: Any, numbers: Sequence[int], count: int
) -> list[dict[str, Any]]:
    """Return galleries of labels and predictions side by side.

    Args:
        model: Model of mmdet or mmseg.
        collate: Collate function of its loader.
        numbers: Numbers of the images, the worst predictions first; empty if
            they are not known.
        count: Number of images in a gallery.

    Returns:
        Galleries: ``title``, ``wide`` and ``images``, each with ``text`` and
        ``pair``: pictures of label and prediction with the ``boxes`` on it,
        (left, top, width, height) as shares of the image, text and colour.
        ``legend``: colours of classes, by name.
    """
    meta = getattr(dataset, 'metainfo', {})
    names = [str(name) for name in meta.get('classes') or ()]
    colours = class_colours(meta)
    galleries = []
    seen: set[int] = set()
    with evaluating(model):
        for title, chosen in _chosen(numbers, len(dataset), count):
            images = []
            for i in chosen:
                data = dataset[i]
                # The model's preprocessor may change what it is given.
                image = _image(data)
                sample = model.val_step(collate([data]))[0].cpu().to_dict()
                pair = [
                    _picture(image, sample, kind, names, colours)
                    for kind in ('gt', 'pred')
                ]
                seen |= {label for one in pair for label in one.pop('labels')}
                text = Path(str(sample.get('img_path', ''))).name
                found = image_counts(sample, len(names))
                if found is not None:
                    text += f', {MEASURES[found[0]]} {quality(*found):.2f}'
                images.append({'pair': pair, 'text': text})
            galleries.append({'title': title, 'images': images, 'wide': True})
    legend = {
        names[i]: hex_colour(colours[i])
        for i in sorted(seen)
        if i < len(names)
    }
    return [{**gallery, 'legend': legend} for gallery in galleries]


def _chosen(
    numbers: Sequence[int], size: int, count: int
) -> list[tuple[str, list[int]]]:
    """Titles of galleries and numbers of their images."""
    if not numbers:
        count = min(count, size)
        return [
            (f'Predictions{SIDES}', [i * size // count for i in range(count)])
        ]
    best = list(numbers[::-1][:count])
    worst = [i for i in numbers[:count] if i not in best]
    found = [('Worst predictions', worst), ('Best predictions', best)]
    return [(f'{title}{SIDES}', chosen) for title, chosen in found if chosen]


def _image(data: dict) -> ndarray:
    """Image of a sample in its original size, (H, W, 3) uint8 RGB."""
    height, width = data['data_samples'].ori_shape[:2]
    picture = Image.fromarray(loaded_pixels(data['inputs']))
    return np.asarray(picture.resize((width, height)))


def _picture(
    image: ndarray, sample: dict, kind: str, names: list[str], colours: ndarray
) -> dict[str, Any]:
    """Label (``gt``) or prediction (``pred``) of an image."""
    labels: set[int] = set()
    boxes: list[dict[str, Any]] = []
    drawn = image
    if f'{kind}_sem_seg' in sample:
        label_map = sample[f'{kind}_sem_seg']['data'][0].numpy()
        known = label_map < len(names)
        if label_map.shape != image.shape[:2]:
            known[:] = False
        labels = set(np.unique(label_map[known]).tolist())
        if known.any():
            drawn = image.copy()
            drawn[known] = blended(image[known], colours[label_map[known]])
    elif 'bboxes' in sample.get(f'{kind}_instances', ()):
        found = sample[f'{kind}_instances']
        drawn, boxes, labels = _objects(image, found, names, colours)
    return {
        'image': embedded_image(drawn, LONGEST),
        'boxes': boxes,
        'labels': labels,
    }


def _objects(
    image: ndarray, found: dict, names: list[str], colours: ndarray
) -> tuple[ndarray, list[dict[str, Any]], set[int]]:
    """Image with masks, boxes and labels of objects, the most certain on top.

    Predictions below the score that counts as found are left out.
    """
    kinds = found['labels'].tolist()
    scores = found['scores'].tolist() if 'scores' in found else None
    corners = getattr(found['bboxes'], 'tensor', found['bboxes']).numpy()
    masks: Any = found.get('masks')
    # Polygons or bitmaps of mmdet, or a tensor.
    if hasattr(masks, 'to_ndarray'):
        masks = masks.to_ndarray()
    order = list(range(len(kinds)))
    if scores is not None:
        order = [i for i in order if scores[i] >= SCORE]
        order.sort(key=lambda i: scores[i])
    chosen = [colours[kinds[i] % len(colours)] for i in order]
    drawn = image
    if masks is not None:
        drawn = with_masks(image, [masks[i] for i in order], chosen)
    boxes = []
    for i, colour in zip(order, chosen):
        name = names[kinds[i]] if kinds[i] < len(names) else str(kinds[i])
        share = '' if scores is None else f', {scores[i]:.0%}'
        boxes.append({
            'box': box_shares(corners[i], image),
            'text': f'{name}{share}',
            'colour': hex_colour(colour),
        })  # fmt: skip
    return drawn, boxes, {kinds[i] for i in order}
