"""Collating, normalisation and masking of batches.

Axes: B images, K channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mixmae.masking.masking import Masking
from mixmae.registry import MODELS, TASK_UTILS
from mixmae.structures import CellMask

# torchvision's values in units of 0..255, RGB, of both official codes (MixMIM
# util/datasets.py, UM-MAE main_pretrain.py).
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@MODELS.register_module()
class MaskingDataPreprocessor(BaseDataPreprocessor):
    """Normalises images and draws their mask.

    Args:
        mean, std: one number per channel of the images, in units of 0..255;
            of three channels in the order RGB. Configs name them; 'auto'
            there is replaced before the model is built.
        to_rgb: input images of three channels are BGR. Others are taken as
            they are.
        masking: config of a ``Masking``, e.g. ``RandomMasking``. Masks are
            drawn on the CPU and copied without blocking.
        eval_shared: outside training, one mask serves all images, always
            the same. By default each image has its own, seeded by its
            ``sample_idx``, so that figures do not depend on the batches.
        non_blocking: copy batches to the device without waiting.

    Raises:
        ValueError: ``mean`` and ``std`` are not one number per channel.
        TypeError: ``masking`` does not fulfil the contract of ``Masking``.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        to_rgb: bool = True,
        masking: Mapping | None = None,
        eval_shared: bool = False,
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking)
        check_statistics(mean, std)
        for name, value in (('mean', mean), ('std', std)):
            tensor = torch.tensor(value, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(name, tensor, persistent=False)
        self.to_rgb = to_rgb and len(mean) == 3
        self.masking: Masking | None = (
            None if masking is None else TASK_UTILS.build(masking)
        )
        if masking is not None and not isinstance(self.masking, Masking):
            raise TypeError(
                f'masking {masking} builds a {type(self.masking).__name__}, '
                f'which needs an attribute `cell` (pixels) and a call; see '
                f'mixmae.masking.masking.Masking'
            )
        self.eval_shared = eval_shared

    def forward(self, data: dict, training: bool = False) -> dict:
        """Collates, moves and normalises a batch, and draws its mask.

        Args:
            data: ``inputs``, uint8 or float (K, H, W) images of one size, a
                list or stacked; optional ``data_samples``; optional
                ``mask``, a ``CellMask`` to use instead of drawing one;
                optional ``mask_seed``, integers that determine a training
                mask; ``StepSeedHook`` gives (seed of the run, rank,
                iteration).
            training: draw as in training: the mask is a function of
                ``mask_seed`` or, without one, of torch's global generator. In
                evaluation it depends only on the sample.

        Returns:
            ``inputs`` float (B, K, H, W), ``data_samples`` and ``mask``, a
            ``CellMask`` or None without a masking.

        Raises:
            ValueError: images of different sizes or channels; a mask that
                does not fulfil the contract of ``Masking``; ``mirror``, which
                flipped images until 0.1.0.
        """
        if 'mirror' in data:
            raise ValueError(
                "a batch has 'mirror', which has no effect any more: flip "
                'the images in the pipeline (DrawFlip does)'
            )
        inputs = self._stacked(data['inputs'])
        samples = data.get('data_samples')
        mask = data.get('mask')
        if mask is None and self.masking is not None:
            batch, _, height, width = inputs.shape
            size = (batch, height, width)
            if training:
                seed = data.get('mask_seed')
                generator = None if seed is None else _generator(*seed)
                mask = draw_masks(self.masking, *size, generator)
            else:
                mask = self._evaluation_mask(self.masking, *size, samples)
        if mask is not None:
            mask = mask.to(self.device, non_blocking=self._non_blocking)
        return {
            'inputs': self.normalise(inputs),
            'data_samples': samples,
            'mask': mask,
        }

    def normalise(self, images: Tensor | Sequence[Tensor]) -> Tensor:
        """Moves and normalises images of any one size, without a mask.

        Args:
            images: uint8 or float (K, H, W), a list or stacked.

        Returns:
            float (B, K, H, W).

        Raises:
            ValueError: images of different sizes or channels.
        """
        stacked = self.cast_data(self._stacked(images)).to(self.mean.dtype)
        if self.to_rgb:
            stacked = stacked.flip(1)
        return (stacked - self.mean) / self.std

    def to_pixels(self, images: Tensor) -> Tensor:
        """Normalised images (B, K, H, W) as values clamped to 0..255."""
        return (images * self.std + self.mean).clamp(0, 255)

    def _stacked(self, images: Tensor | Sequence[Tensor]) -> Tensor:
        channels = self.mean.size(0)
        sizes = {tuple(image.shape) for image in images}
        fitting = [s for s in sizes if len(s) == 3 and s[0] == channels]
        if len(sizes) != 1 or not fitting:
            raise ValueError(
                f'a batch needs images ({channels}, height, width) of one '
                f'size, for mean and std have {channels} numbers, got '
                f'{sorted(sizes)}; load files by LoadImage, with the same '
                f'number of channels, and crop or resize them in the pipeline'
            )
        return images if isinstance(images, Tensor) else torch.stack([*images])

    def _evaluation_mask(
        self,
        masking: Masking,
        batch: int,
        height: int,
        width: int,
        samples: Sequence | None,
    ) -> CellMask:
        if self.eval_shared:
            return draw_masks(masking, 1, height, width, _generator(0))
        numbers = [
            getattr(sample, 'sample_idx', i)
            for i, sample in enumerate(samples or range(batch))
        ]
        masks = [
            draw_masks(masking, 1, height, width, _generator(number))
            for number in numbers
        ]
        secondary = [m.secondary for m in masks if m.secondary is not None]
        return CellMask(
            torch.cat([m.hidden for m in masks]),
            masks[0].cell,
            torch.cat(secondary) if secondary else None,
        )


def draw_masks(
    masking: Masking,
    batch: int,
    height: int,
    width: int,
    generator: torch.Generator | None = None,
) -> CellMask:
    """Draws the masks of a batch, and checks them against ``Masking``.

    A mask of another grid would be repeated over the image, and one that
    hides no cell or all of them trains on nothing, both without an error.

    Raises:
        ValueError: the masking refuses the size, or does not fulfil its
            contract.
    """
    mask = masking(batch, height, width, generator)
    name = type(masking).__name__
    if not isinstance(mask, CellMask):
        raise ValueError(
            f'{name} returns a {type(mask).__name__}; it must return a '
            f'mixmae.structures.CellMask'
        )
    masks, (rows, columns) = len(mask.hidden), mask.grid
    whole = (rows * mask.cell, columns * mask.cell) == (height, width)
    if not whole or mask.cell != masking.cell or masks not in (1, batch):
        raise ValueError(
            f'{name} of {masking.cell}-px cells returns {masks} masks of '
            f'{rows}x{columns} cells of {mask.cell} px; {batch} images of '
            f'{height}x{width} px need one mask, or {batch}, of '
            f'{height // masking.cell}x{width // masking.cell} cells'
        )
    hidden, total = mask.num_hidden, rows * columns
    if hidden is None or not 0 < hidden < total:
        found = 'different numbers' if hidden is None else hidden
        raise ValueError(
            f'{name} hides {found} of {total} cells; the masks of a batch, '
            f'drawn on the CPU, must all hide the same number, from 1 to '
            f'{total - 1}'
        )
    return mask


def check_statistics(mean: Any, std: Any) -> None:
    """Check mean and std of the channels of images.

    Raises:
        ValueError: They are not one number per channel.
    """
    listed = all(isinstance(one, Sequence) for one in (mean, std))
    # 'auto' is replaced before a run.
    if (
        not listed
        or isinstance(mean, str)
        or not len(mean) == len(std) > 0
        or not all(isinstance(one, (int, float)) for one in (*mean, *std))
        or min(std) <= 0
    ):
        raise ValueError(
            f'mean and std must hold one number per channel of the images, '
            f'std above 0, got {mean} and {std}; only tools/train.py and '
            f"mixmae replace 'auto'"
        )


def _generator(*numbers: int) -> torch.Generator:
    """A CPU generator that depends on each of the numbers."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


class AnyChannels:
    """Mixin for subclasses of MMEngine's ``ImgDataPreprocessor``.

    That one takes one or three means. Channels are swapped only where there
    are three of them; others keep the order of the file.

    Args:
        mean, std: One number per channel of the images, in units of 0..255;
            of three channels in the order of the network.
        bgr_to_rgb: Images of three channels are BGR, the network takes RGB.
        options: Arguments of the other base class.

    Raises:
        ValueError: ``mean`` and ``std`` are not one number per channel.
    """

    _enable_normalize: bool

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        bgr_to_rgb: bool = False,
        **options: Any,
    ) -> None:
        check_statistics(mean, std)
        options['bgr_to_rgb'] = bgr_to_rgb and len(mean) == 3
        super().__init__(**options)
        self._enable_normalize = True
        for name, values in (('mean', mean), ('std', std)):
            tensor = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(name, tensor, False)  # type: ignore
