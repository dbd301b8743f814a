"""Feature extraction with a trained backbone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from numpy import ndarray
from torch import Tensor

from mixmae.apis.image_input import ImageInput, image_stream, list_inputs
from mixmae.apis.image_preparation import ImagePreparation, Resize
from mixmae.apis.trained_network import (
    ConfigLike,
    choose_device,
    network_config,
    trained_backbone,
)
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.deprecation import renamed_arguments
from mixmae.registry import INFERENCERS

KINDS = ('numpy', 'tensor')


@INFERENCERS.register_module()
class FeatureExtractor:
    """Pooled features, or feature maps, of images of any size.

    Example::

        extract = FeatureExtractor(config, 'epoch_600.pth')
        results = extract('folder/')
        matrix = np.stack([result['features'][3] for result in results])

    Nothing is masked, and images are not resized unless ``resize`` is set.
    Mean, std and channel order are those of the config.

    Args:
        config: Config of a pretraining, or of a classifier, detector or
            segmentor with a mixmae backbone; a file or a loaded config. None
            uses the config in the checkpoint.
        checkpoint: Checkpoint of any of these, of the official MixMIM, or of a
            bare backbone, a path or an http(s) URL; or the folder of a
            run, for its best checkpoint; loaded strictly. None
            keeps the weights that the config's backbone loads itself, or
            random ones, with a warning.
        device: Such as 'cpu' or 'cuda:1'; None = a GPU if there is one.
        stages: Stages whose features are returned, from 0; None = the config's
            ``out_indices``, by default the last stage. Stages that were
            trained without an output norm (in pretraining all but the last)
            are standardised per token.

    Raises:
        ValueError: Config and checkpoint do not fit, the backbone is not one
            of mixmae, or it has no such stage.
    """

    def __init__(
        self,
        config: ConfigLike = None,
        checkpoint: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        stages: Sequence[int] | None = None,
    ) -> None:
        if checkpoint is not None:
            checkpoint = best_checkpoint(checkpoint)
        self.cfg = network_config(config, checkpoint)
        self.device = choose_device(device)
        backbone, self.normalisation = trained_backbone(
            self.cfg, checkpoint, stages
        )
        self.backbone = backbone.to(self.device)
        self.stages = tuple(backbone.out_indices)

    def __call__(self, inputs: Any, **options: Any) -> list[dict]:
        """Return the results of ``iterate``, in the order of the inputs."""
        results = self.iterate(inputs, **options)
        return sorted(results, key=lambda result: result['index'])

    @renamed_arguments(skip_broken='skip_corrupt')
    @torch.no_grad()
    def iterate(
        self,
        inputs: Any,
        batch_size: int = 8,
        pool: bool = True,
        resize: Resize = None,
        channel_order: str | None = None,
        return_as: str = 'numpy',
        skip_corrupt: bool = False,
        progress: bool = True,
    ) -> Iterator[dict]:
        """Yield the features of images as soon as they are computed.

        Images of one size are batched; none is padded to another size. The
        batch changes features only by rounding.

        Args:
            inputs: A path, folder, pattern, array, tensor, or a list of these;
                see ``list_inputs``.
            batch_size: Maximum number of images in a batch.
            pool: Average over all positions; False returns the maps.
            resize: None keeps images as they are; 'pipeline' applies the
                config's test pipeline; or a side, or (height, width), see
                ``ImagePreparation``.
            channel_order: Channel order of arrays and tensors, 'rgb' or 'bgr'.
            return_as: 'numpy' or 'tensor' (on the CPU), float32.
            skip_corrupt: Skip files that cannot be read, with a warning,
                instead of raising.
            progress: Show a progress bar on standard error.

        Yields:
            Per image a dict, not always in the order of the inputs: ``index``
            (place in the inputs), ``name`` (path, or 'image_<index>'),
            ``size`` (height, width) of the network's input, ``features``:
            stage -> (C,), or (C, h, w) maps.

        Raises:
            ValueError: An argument or an image is not valid.
        """
        if return_as not in KINDS:
            raise ValueError(
                f'return_as must be one of {KINDS}, got {return_as!r}'
            )
        prepare = ImagePreparation(self.cfg, resize)

        def prepared(
            given: ImageInput, pixels: ndarray
        ) -> tuple[ImageInput, Tensor]:
            return given, prepare(pixels, given.index, given.name)

        batches = image_stream(
            list_inputs(inputs, channel_order, prepare.decoding),
            prepare.load,
            prepared,
            batch_size,
            skip_corrupt,
            'features' if progress else None,
        )
        for found, images in batches:
            maps = self.backbone(self.normalisation(images.to(self.device)))
            outputs = [
                (part.mean(dim=(2, 3)) if pool else part).float().cpu()
                for part in maps
            ]
            size = tuple(images.shape[2:])
            for i, given in enumerate(found):
                features = {
                    stage: output[i] if return_as == 'tensor'
                    # Copied, because a slice would keep the complete batch in
                    # memory.
                    else output[i].numpy().copy()
                    for stage, output in zip(
                        self.stages, outputs, strict=True
                    )
                }  # fmt: skip
                yield {
                    'index': given.index,
                    'name': given.name,
                    'size': size,
                    'features': features,
                }
