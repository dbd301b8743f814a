"""Feature map in two dimensions and nearest neighbours, for `report.js`."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixmae.evaluation.feature_extraction import evaluating, whole_images
from mixmae.visualization.pictures import loaded_pixels, sprite

MOST_IMAGES = 500
BATCH = 32
SIDE = 40
COLUMNS = 25
NEIGHBOURS = 6
QUERIES = 8
# Least number of different features for t-SNE.
LEAST_POINTS = 10


@torch.no_grad()
def image_features(
    model: Any, dataloader: Any, most: int = MOST_IMAGES
) -> tuple[Tensor, list[np.ndarray], list[str] | None] | None:
    """Return the arguments of ``feature_map`` for a model and its images.

    Args:
        model: A model with ``data_preprocessor`` and ``backbone``.
        dataloader: Its data set and collate function are used.
        most: At most that many images, at equal distances.

    Returns:
        Features (N, C): means of the backbone's last map; images, uint8 RGB;
        class names, None if the data set has no labels. None with fewer than
        three images, with images of different sizes or channels, or with
        features that are not finite.
    """
    dataset = dataloader.dataset
    count = min(most, len(dataset))
    if count < 3 or dataset[0]['inputs'].shape[0] != 3:
        return None
    numbers = [i * len(dataset) // count for i in range(count)]
    names = getattr(dataset, 'metainfo', {}).get('classes')
    features, thumbnails, labels = [], [], []
    with evaluating(model):
        for start in range(0, count, BATCH):
            rows = [dataset[i] for i in numbers[start : start + BATCH]]
            batch = dataloader.collate_fn(rows)
            last = model.backbone(whole_images(model, batch))[-1]
            features.append(last.float().mean((2, 3)).cpu())
            for row in rows:
                thumbnails.append(loaded_pixels(row['inputs']))
                label = getattr(row['data_samples'], 'gt_label', None)
                labels.append(None if label is None else int(label))
    found = torch.cat(features)
    if not found.isfinite().all():
        return None
    shown = None
    if names is not None and None not in labels:
        shown = [str(names[label]) for label in labels]
    return found, thumbnails, shown


def feature_map(
    features: Tensor,
    thumbnails: list[np.ndarray],
    labels: list[str] | None = None,
) -> dict[str, Any]:
    """Return the map of a report.

    Args:
        features: (N, C), one row per image.
        thumbnails: N images (H, W, 3), uint8 RGB.
        labels: Class name of each image, if it is known.

    Returns:
        ``points``: layouts by name, 'PCA' and, where scikit-learn is
        installed and at least 10 features differ, 't-SNE', each N pairs in
        0..1; ``sprite``, ``side`` and ``columns`` of the thumbnails;
        ``neighbours``: lists of image numbers, a query first, then the most
        similar others by cosine similarity; ``labels``.
    """
    units = torch.nn.functional.normalize(features.double(), dim=1)
    similarity = units @ units.T
    points = {'PCA': _scaled(_principal(units - units.mean(0)))}
    distinct = len(units.unique(dim=0))
    if importlib.util.find_spec('sklearn') and distinct >= LEAST_POINTS:
        points['t-SNE'] = _scaled(_tsne(units.numpy()))
    similarity.fill_diagonal_(-2)
    count = min(NEIGHBOURS, len(features) - 1)
    queries = torch.linspace(0, len(features) - 1, min(QUERIES, len(features)))
    neighbours = [
        [i, *similarity[i].topk(count).indices.tolist()]
        for i in queries.round().long().unique().tolist()
    ]
    return {
        'points': points,
        'sprite': sprite(thumbnails, SIDE, COLUMNS),
        'side': SIDE,
        'columns': COLUMNS,
        'neighbours': neighbours,
        'labels': labels,
    }


def _principal(centred: Tensor) -> np.ndarray:
    """First two principal components, (N, 2)."""
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)
    found = centred @ directions[:2].T
    if found.shape[1] < 2:
        found = torch.nn.functional.pad(found, (0, 2 - found.shape[1]))
    return found.numpy()


def _tsne(features: np.ndarray) -> np.ndarray:
    # An extra, which only this layout needs.
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(features) - 1) / 3)
    layout = TSNE(perplexity=perplexity, init='pca', random_state=0)
    return layout.fit_transform(features.astype(np.float32))


def _scaled(points: np.ndarray) -> list[list[float]]:
    """Scale both axes to 0..1."""
    low, high = points.min(0), points.max(0)
    scaled = (points - low) / np.maximum(high - low, 1e-12)
    return [[round(float(x), 4), round(float(y), 4)] for x, y in scaled]
