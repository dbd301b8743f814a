"""Predictions of fine-tuned networks for images of any kind."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.registry import DefaultScope
from mmengine.structures import BaseDataElement
from numpy import ndarray
from torch import Tensor

from mixmae.apis.image_input import ImageInput, image_stream, list_inputs
from mixmae.apis.image_preparation import (
    ImagePreparation,
    scope_of,
    to_tensor,
)
from mixmae.apis.task_network import task_network
from mixmae.apis.trained_network import ConfigLike, choose_device
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.registry import INFERENCERS
from mixmae.visualization.pictures import loaded_pixels

# Keys of a pipeline's results that the frameworks' models ask for.
META_KEYS = (
    'img_path', 'img_id', 'ori_shape', 'img_shape', 'scale_factor', 'flip',
    'flip_direction', 'pad_shape',
)  # fmt: skip


# Images that are reduced further may show more than those of the training.
LEAST_SCALE = 0.5


def warn_of_reduction(name: str, sample: BaseDataElement) -> bool:
    """Warn of an image that is much larger than those of the training.

    Args:
        sample: Its data sample, with the sizes before and after.

    Returns:
        Whether it is.
    """
    meta = sample.metainfo
    if min(meta.get('scale_factor', (1,))) >= LEAST_SCALE:
        return False
    (height, width), (h, w) = meta['ori_shape'][:2], meta['img_shape'][:2]
    warnings.warn(
        f'{name} is reduced from {width} x {height} to {w} x {h} pixels, the '
        'size of the images of the training; if it shows a larger area at '
        'the same scale, give a copy of the config with img_scale = '
        f'({max(width, height)}, {min(width, height)}) and test_mode = '
        "'slide' (--config)",
        stacklevel=2,
    )
    return True


@INFERENCERS.register_module()
class Predictor:
    """Classes, objects or masks of images, from a fine-tuned network.

    Example::

        predict = Predictor('runs/roofs')
        for result in predict('photos/'):
            print(result['name'], result['label'], result['score'])

    Images are read as by our trainings, and prepared by the test pipeline of
    the config.

    Args:
        checkpoint: Checkpoint of a classifier (mmpretrain), detector (mmdet)
            or segmentor (mmseg), a path or an address; or the folder of its
            run, for the best checkpoint.
        config: Its config; None uses the one in the checkpoint.
        device: Such as 'cpu' or 'cuda:1'; None = a GPU if there is one.

    Attributes:
        task: 'classification', 'detection' or 'segmentation'.
        classes: Names of the classes.
        meta: What the run recorded of its data, such as a palette.

    Raises:
        ValueError: Config and checkpoint do not fit, or the network is of
            none of these tasks.
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike,
        config: ConfigLike = None,
        device: str | torch.device | None = None,
    ) -> None:
        self.checkpoint = best_checkpoint(checkpoint)
        network = task_network(self.checkpoint, config)
        self.task, self.cfg = network.task, network.cfg
        self.meta = network.meta
        self.classes = tuple(map(str, self.meta.get('classes') or ()))
        self.device = choose_device(device)
        self.model: Any = network.model.to(self.device)

    def __call__(self, inputs: Any, **options: Any) -> list[dict]:
        """Return the results of ``iterate``, in the order of the inputs."""
        results = self.iterate(inputs, **options)
        return sorted(results, key=lambda result: result['index'])

    @torch.no_grad()
    def iterate(
        self,
        inputs: Any,
        batch_size: int = 8,
        channel_order: str | None = None,
        skip_corrupt: bool = False,
        progress: bool = True,
    ) -> Iterator[dict]:
        """Yield the predictions of images as soon as they are computed.

        Args:
            inputs, batch_size, channel_order, skip_corrupt, progress: See
                ``FeatureExtractor.iterate``.

        Yields:
            Per image a dict with ``index`` (place in the inputs), ``name``,
            ``image`` (uint8 RGB (H, W, 3); of more bands the first three),
            ``sample`` (the framework's data sample) and, for a

            - classifier: ``label``, ``class``, ``score``, ``scores`` (C,);
            - detector: ``boxes`` (N, 4) as corners in pixels of the image,
              ``labels`` (N,), ``scores`` (N,), and ``masks`` (N, H, W) or
              None; all objects that ``model.test_cfg`` of the config
              keeps, of which ``write_predictions`` draws those with a
              score of ``DRAWN_SCORE`` or more;
            - segmentor: ``labels`` (H, W), the class of each pixel.

        Raises:
            ValueError: An argument or an image is not valid.
        """
        prepare = ImagePreparation(self.cfg, 'pipeline')
        # One warning is enough for all scenes.
        warned = self.task != 'segmentation'

        def prepared(
            given: ImageInput, pixels: ndarray
        ) -> tuple[tuple[ImageInput, ndarray, BaseDataElement], Tensor]:
            nonlocal warned
            results = prepare.results(pixels, given.index, given.name)
            sample = self._empty_sample(results)
            warned = warned or warn_of_reduction(given.name, sample)
            return (given, pixels, sample), to_tensor(results['img'])

        batches = image_stream(
            list_inputs(inputs, channel_order, prepare.decoding),
            prepare.load,
            prepared,
            batch_size,
            skip_corrupt,
            'images' if progress else None,
        )
        scope = scope_of(self.cfg)
        for found, images in batches:
            samples = [sample for _, _, sample in found]
            with DefaultScope.overwrite_default_scope(scope):
                predicted = self.model.test_step(
                    {'inputs': list(images), 'data_samples': samples}
                )
            for (given, pixels, _), sample in zip(found, predicted):
                yield {
                    'index': given.index,
                    'name': given.name,
                    'image': loaded_pixels(to_tensor(pixels)),
                    'sample': sample.cpu(),
                    **self._fields(sample),
                }

    def class_name(self, label: int) -> str:
        """Return the name of a class."""
        known = 0 <= label < len(self.classes)
        return self.classes[label] if known else f'class_{label}'

    def _empty_sample(self, results: dict) -> BaseDataElement:
        """Return an empty data sample of the framework."""
        meta = {k: results[k] for k in META_KEYS if k in results}
        # Each framework is imported for its own models only.
        if self.task == 'classification':
            from mmpretrain.structures import DataSample as Sample
        elif self.task == 'detection':
            from mmdet.structures import DetDataSample as Sample
        else:
            from mmseg.structures import SegDataSample as Sample
        return Sample(metainfo=meta)

    def _fields(self, sample: Any) -> dict[str, Any]:
        if self.task == 'classification':
            scores = sample.pred_score.float().cpu().numpy()
            label = int(scores.argmax())
            return {
                'label': label,
                'class': self.class_name(label),
                'score': float(scores[label]),
                'scores': scores,
            }
        if self.task == 'segmentation':
            labels = sample.pred_sem_seg.data[0]
            return {'labels': labels.cpu().numpy().astype(np.uint8)}
        found = sample.pred_instances.cpu()
        masks = found.get('masks')
        return {
            'boxes': found.bboxes.float().numpy(),
            'labels': found.labels.numpy(),
            'scores': found.scores.float().numpy(),
            'masks': None if masks is None else masks.numpy(),
        }
