"""Fine-tuned network of a viewer: classes, objects or label maps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy import ndarray

from mixmae.apis.image_preparation import Normalisation
from mixmae.apis.predictor import Predictor
from mixmae.apis.trained_network import model_config
from mixmae.fileio.shown_text import shown_line
from mixmae.viewer.viewed_network import LONGEST, ViewedNetwork
from mixmae.visualization.pictures import (
    blended,
    box_shares,
    class_colours,
    embedded_image,
    hex_colour,
    with_masks,
)

TOP_CLASSES = 5
METHODS = {
    'classification': 'classifier',
    'detection': 'detector',
    'segmentation': 'segmentor',
}


class ViewedTask(ViewedNetwork):
    """A classifier, a detector or a segmentor.

    Raises:
        ValueError: No such network, or its weights do not fit.
    """

    def __init__(
        self, checkpoint: str | os.PathLike, device: str | None = None
    ) -> None:
        self.predictor = Predictor(checkpoint, device=device)
        cfg = self.predictor.cfg
        normalise = Normalisation.of(
            model_config(cfg).get('data_preprocessor')
        )
        super().__init__(checkpoint, self.predictor.model, cfg, normalise)
        self.kind = self.predictor.task
        self.colours = class_colours(self.predictor.meta)

    def about(self) -> dict[str, Any]:
        """Return ``name``, ``kind`` and ``method`` for the page."""
        method = METHODS[self.kind]
        return {'name': self.name, 'kind': self.kind, 'method': method}

    @torch.no_grad()
    def predict(self, path: Path, score: float) -> dict[str, Any]:
        """Predict an image.

        Args:
            score: Smallest score of an object that is shown.

        Returns:
            ``titles`` and ``views``, ``data:`` addresses by view; ``rows`` of
            a table, each with the ``name`` of a class, a ``value`` in 0..1,
            but of a classifier, its ``colour`` and, of a detector, the
            ``box`` (left, top, width, height as shares of the image). Values
            are scores of classes or objects, or shares of the area.
        """
        (result,) = self.predictor(path, progress=False)
        image = result['image']
        views = {'image': image}
        titles = {'image': 'image'}
        if self.kind == 'classification':
            rows = self._classes(result['scores'])
        elif self.kind == 'detection':
            found = np.flatnonzero(result['scores'] >= score)
            found = found[result['scores'][found].argsort()[::-1]]
            rows = [self._object(result, i) for i in found]
            titles['objects'] = f'objects of score {score:g} or more'
            views['objects'] = image
            if result['masks'] is not None:
                # The most certain on top.
                upwards = found[::-1]
                views['objects'] = with_masks(
                    image,
                    result['masks'][upwards],
                    map(self._colour, result['labels'][upwards]),
                )
        else:
            labels = result['labels']
            rows = self._shares(labels)
            titles |= {'overlay': 'image and label map', 'labels': 'label map'}
            views['labels'] = self.colours[labels]
            views['overlay'] = blended(image, views['labels'])
        return {
            'kind': self.kind,
            'titles': titles,
            'views': {
                name: embedded_image(view, LONGEST, quality=90)
                for name, view in views.items()
            },
            'rows': rows,
        }

    def _classes(self, scores: ndarray) -> list[dict[str, Any]]:
        best = scores.argsort()[::-1][:TOP_CLASSES]
        return [self._row(label, scores[label]) for label in best]

    def _object(self, result: dict, i: int) -> dict[str, Any]:
        row = self._row(result['labels'][i], result['scores'][i])
        row['box'] = box_shares(result['boxes'][i], result['image'])
        return row

    def _shares(self, labels: ndarray) -> list[dict[str, Any]]:
        """Rows of the classes in a label map, the largest first."""
        found, counts = np.unique(labels, return_counts=True)
        order = counts.argsort()[::-1]
        return [self._row(found[i], counts[i] / labels.size) for i in order]

    def _row(self, label: int, value: float) -> dict[str, Any]:
        row: dict[str, Any] = {
            'name': shown_line(self.predictor.class_name(int(label))),
            'value': round(float(value), 4),
        }
        if self.kind != 'classification':
            row['colour'] = hex_colour(self._colour(label))
        return row

    def _colour(self, label: int) -> ndarray:
        return self.colours[int(label) % len(self.colours)]
