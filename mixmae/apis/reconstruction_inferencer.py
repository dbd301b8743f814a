"""Reconstruction of masked images with a pretrained network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from numpy import ndarray
from torch import Tensor

from mixmae.apis.image_input import ImageInput, image_stream, list_inputs
from mixmae.apis.image_preparation import ImagePreparation, Resize
from mixmae.apis.trained_network import (
    ConfigLike,
    choose_device,
    network_config,
    pretraining_model,
)
from mixmae.checkpoints.io.best_checkpoint import best_checkpoint
from mixmae.deprecation import renamed_arguments
from mixmae.fileio.atomic_write import check_output
from mixmae.registry import INFERENCERS
from mixmae.structures import CellMask
from mixmae.visualization.pictures import write_png
from mixmae.visualization.reconstruction_panel import (
    reconstruction_panel,
    to_uint8,
)

PICTURES = ('original', 'mixed', 'reconstruction')
FIGURES = (
    'method',
    'cell',
    'loss',
    'mean_colour_loss',
    'uses_target_statistics',
)
KINDS = ('numpy', 'tensor', 'sample')
# Fill value of hidden cells without a second image.
GREY = 127.5


@INFERENCERS.register_module()
class ReconstructionInferencer:
    """Mask part of each image and reconstruct it with a pretrained network.

    Example::

        infer = ReconstructionInferencer(config, 'epoch_600.pth')
        results = infer(['a.jpg', 'folder/'], out_dir='panels')

    Args:
        config: Config of the pretraining, a file or a loaded config; None uses
            the config in the checkpoint.
        checkpoint: Checkpoint of the pretraining, a path or an http(s) URL;
            or the folder of its run, for the last one.
            None keeps random weights, with a warning.
        device: Such as 'cpu' or 'cuda:1'; None = a GPU if there is one.

    Raises:
        ValueError: Config and checkpoint do not fit, or are not of a
            pretraining.
    """

    def __init__(
        self,
        config: ConfigLike = None,
        checkpoint: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        if checkpoint is not None:
            checkpoint = best_checkpoint(checkpoint)
        self.cfg = network_config(config, checkpoint)
        self.device = choose_device(device)
        model = pretraining_model(self.cfg, checkpoint)
        if model.data_preprocessor.masking is None:
            raise ValueError(
                "the config's data_preprocessor has no masking, so no cell "
                'would be hidden'
            )
        self.model = model.to(self.device)

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
        seed: int = 0,
        resize: Resize = 'pipeline',
        channel_order: str | None = None,
        return_as: str = 'numpy',
        out_dir: str | os.PathLike | None = None,
        bands: Sequence[int] | None = None,
        skip_corrupt: bool = False,
        progress: bool = True,
    ) -> Iterator[dict]:
        """Yield reconstructions of images as soon as they are computed.

        All images of one size share one mask, which depends only on the size
        and the seed, as in the panels of ``tools/test.py``. With MixMAE
        another image of the batch fills the hidden cells; losses and
        reconstructions do not depend on which one.

        Args:
            inputs, batch_size, channel_order, skip_corrupt, progress: See
                ``FeatureExtractor.iterate``.
            seed: Seed of the masks.
            resize: 'pipeline' applies the config's test pipeline, also to
                arrays; None keeps images as they are, which requires sides of
                whole cells; or a side, or (height, width), see
                ``ImagePreparation``.
            return_as: 'numpy', 'tensor' or 'sample', see below.
            out_dir: Folder for a panel of each image, ``<index>_<name>.png``.
            bands: Channels that are drawn, see ``reconstruction_panel``.

        Yields:
            Per image a dict, not always in the order of the inputs: ``index``
            (place in the inputs), ``name`` (path, or 'image_<index>'),
            ``original``, ``mixed`` (input of the encoder) and
            ``reconstruction``, as uint8 (H, W, K) arrays, RGB of three
            channels, or, for 'tensor', as floats (K, H, W) in 0..255 on the
            CPU; ``hidden``,
            bool (rows, columns); ``cell`` in pixels; ``method``, such as
            'MixMAE'; ``loss``; ``mean_colour_loss``, the loss if each hidden
            cell were its own mean colour; ``uses_target_statistics``, whether
            the reconstruction uses mean and contrast of each target cell;
            ``panel``, the path of the panel or None. For 'sample', ``index``,
            ``name``, ``panel`` and ``sample``, the result of
            ``MaskedImageModel.predict``.

        Raises:
            ValueError: An argument or an image is not valid.
        """
        if return_as not in KINDS:
            raise ValueError(
                f'return_as must be one of {KINDS}, got {return_as!r}'
            )
        _check_folder(out_dir)
        prepare = ImagePreparation(self.cfg, resize)

        def prepared(
            given: ImageInput, pixels: ndarray
        ) -> tuple[ImageInput, Tensor]:
            image = prepare(pixels, given.index, given.name)
            # An error for a size without a mask names the image.
            self._mask(image, seed)
            return given, image

        batches = image_stream(
            list_inputs(inputs, channel_order, prepare.decoding),
            prepare.load,
            prepared,
            batch_size,
            skip_corrupt,
            'reconstructing' if progress else None,
        )
        for found, images in batches:
            data = {'inputs': images, 'mask': self._mask(images[0], seed)}
            data = self.model.data_preprocessor(data, False)
            samples = self.model(**data, mode='predict')
            for given, sample in zip(found, samples, strict=True):
                result = {'index': given.index, 'name': given.name}
                if return_as == 'sample':
                    result['sample'] = sample
                else:
                    result.update(_fields(sample, return_as))
                result['panel'] = None
                if out_dir is not None:
                    name = f'{given.index:06d}_{Path(given.name).stem}.png'
                    panel = Path(out_dir) / name
                    picture = self.visualize([result], 1, bands=bands)
                    write_png(panel, picture)
                    result['panel'] = str(panel)
                yield result

    def visualize(
        self,
        results: Sequence[Mapping],
        columns: int = 2,
        image_size: int = 160,
        bands: Sequence[int] | None = None,
    ) -> ndarray:
        """Draw originals, encoder inputs and reconstructions in one picture.

        If a batch has a single image, the hidden cells of its mixed input are
        grey.

        Args:
            results: Results of a call, of images of one size.
            columns: Number of images side by side.
            image_size: Images are enlarged by a whole factor to about this
                many pixels.
            bands: Channels that are drawn, see ``reconstruction_panel``.

        Returns:
            uint8 RGB (H, W, 3).

        Raises:
            ValueError: No results, or images of different sizes.
        """
        samples = [_drawable(result) for result in results]
        sizes = {tuple(sample.original.shape[1:]) for sample in samples}
        if len(sizes) > 1:
            raise ValueError(
                f'a panel shows images of one size, got {sorted(sizes)}; draw '
                'them one by one, or set resize='
            )
        return reconstruction_panel(
            samples, len(samples), columns, image_size, bands
        )

    def _mask(self, image: Tensor, seed: int) -> CellMask:
        """Return the mask of images (3, H, W) of one size.

        Raises:
            ValueError: A side is not a whole number of cells.
        """
        generator = torch.Generator().manual_seed(seed)
        masking = self.model.data_preprocessor.masking
        return masking(1, image.size(1), image.size(2), generator)


def _fields(sample: BaseDataElement, return_as: str) -> dict:
    """Return the fields of a prediction, on the CPU."""
    fields: dict[str, Any] = {}
    for name in PICTURES:
        picture = sample.get(name)
        fields[name] = (
            picture.cpu() if return_as == 'tensor' else to_uint8(picture)
        )
    hidden = sample.get('hidden').cpu()
    fields['hidden'] = hidden if return_as == 'tensor' else hidden.numpy()
    for name in FIGURES:
        fields[name] = sample.get(name)
    return fields


def _drawable(result: Mapping) -> SimpleNamespace:
    """Convert a result of any form for ``reconstruction_panel``."""
    fields = result
    if 'sample' in result:
        fields = _fields(result['sample'], 'tensor')
    pictures = {}
    for name in PICTURES:
        picture = fields[name]
        if isinstance(picture, ndarray):
            picture = torch.from_numpy(picture).permute(2, 0, 1).float()
        pictures[name] = picture
    hidden = torch.as_tensor(np.asarray(fields['hidden']))
    if torch.equal(pictures['mixed'], pictures['original']):
        cells = hidden.repeat_interleave(fields['cell'], 0)
        cells = cells.repeat_interleave(fields['cell'], 1)
        pictures['mixed'] = pictures['original'].masked_fill(cells, GREY)
    return SimpleNamespace(
        **pictures,
        hidden=hidden,
        **{name: fields[name] for name in FIGURES},
    )


def _check_folder(path: str | os.PathLike | None) -> None:
    """Raise ValueError early if files cannot be written there."""
    if path is None:
        return
    for folder in (Path(path), *Path(path).parents):
        if folder.exists() and not folder.is_dir():
            raise ValueError(
                f'out_dir must be a folder, but {folder} is a file'
            )
    check_output(Path(path, 'panel.png'))
