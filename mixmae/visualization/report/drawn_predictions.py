"""Predictions of detectors and segmentors in a report."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from mixmae.evaluation.features import evaluating
from mixmae.visualization.report.embedded_image import embedded_picture

LONGEST = 420


@torch.no_grad()
def drawn_predictions(
    model: Any, dataset: Any, collate: Any, visualizer: Any, count: int
) -> dict[str, Any] | None:
    """Return a gallery of labels and predictions side by side.

    Images are taken at equal distances, predicted one by one and drawn by the
    visualizer of the framework. Those of a segmentor are ordered by pixel
    accuracy, the worst first.

    Args:
        model: Model of mmdet or mmseg.
        dataset: Validation set.
        collate: Collate function of its loader.
        visualizer: Visualizer of the run.
        count: Number of images, at most.

    Returns:
        ``galleries``, see ``prediction_part``; None if the visualizer draws no
        data samples, or the images do not have three channels.
    """
    if not hasattr(visualizer, 'add_datasample') or not len(dataset):
        return None
    count = min(count, len(dataset))
    found = []
    with evaluating(model), tempfile.TemporaryDirectory() as folder:
        for i in range(count):
            data = dataset[i * len(dataset) // count]
            if data['inputs'].shape[0] != 3:
                return None
            # The model's preprocessor may change what it is given.
            image = _image(data)
            sample = model.val_step(collate([data]))[0]
            path = Path(folder) / f'{i}.png'
            visualizer.add_datasample(
                'report',
                image,
                data_sample=sample.cpu(),
                show=False,
                out_file=str(path),
            )
            with Image.open(path) as picture:
                drawn = picture.convert('RGB')
            drawn.thumbnail((LONGEST, LONGEST))
            accuracy = _pixel_accuracy(sample)
            text = Path(str(sample.get('img_path', ''))).name
            if accuracy is not None:
                text = f'{text}, pixel accuracy {accuracy:.3f}'
            row = {'image': embedded_picture(drawn), 'text': text}
            found.append((accuracy or 0.0, row))
    found.sort(key=lambda pair: pair[0])
    title = 'Labels (left) and predictions (right)'
    rows = [row for _, row in found]
    return {'galleries': [{'title': title, 'images': rows, 'wide': True}]}


def _image(data: dict) -> np.ndarray:
    """Image of a sample in its original size, (H, W, 3) uint8 RGB."""
    # Both frameworks load BGR.
    pixels = data['inputs'].flip(0).permute(1, 2, 0).to(torch.uint8).numpy()
    height, width = data['data_samples'].ori_shape[:2]
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((width, height)))


def _pixel_accuracy(sample: Any) -> float | None:
    """Share of correct pixels, of a segmentor's sample with labels."""
    if 'pred_sem_seg' not in sample or 'gt_sem_seg' not in sample:
        return None
    truth = sample.gt_sem_seg.data.cpu()
    predicted = sample.pred_sem_seg.data.cpu()
    counted = truth != 255
    return float((predicted == truth)[counted].double().mean())
