"""Reconstruction error of hidden pixels, on fixed masks.

Averages what ``MaskedImageModel.predict`` returns for each image;
``ReconstructionHead`` computes the errors, also that of mean colours.
"""

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from mixmae.registry import METRICS

# Rounding alone gives a mean colour loss of up to 6e-7 for cells of a single
# colour; noise of 1 in 255 gives more than 1e-4.
FLAT = 1e-6


def psnr(reconstruction: Tensor, original: Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of two images in 0..255.

    The reconstruction is clipped to 0..255 first. Equal images give 100 dB
    instead of infinity, so that means stay finite.
    """
    difference = reconstruction.double().clamp(0, 255) - original.double()
    error = difference.square().mean().clamp(min=255**2 * 1e-10)
    return float(10 * torch.log10(255**2 / error))


@METRICS.register_module()
class ReconstructionMetric(BaseMetric):
    """Mean reconstruction error of a pretraining model.

    The preprocessor seeds the masks by the index of each image, so that two
    checkpoints are evaluated on the same task, for any batch size and number
    of ranks. Reports means over images of:

    - ``loss``: the training objective;
    - ``mean_colour_loss``: the loss of filling each hidden cell with its own
      mean colour, as a model that knows only the mean of a cell would;
    - ``ratio``: ``loss / mean_colour_loss``; below 1 the model predicts more
      than the mean colour of a hidden cell. NaN, with a warning, if every
      hidden cell of all images has a single colour, so that the ratio is
      undefined;
    - ``psnr``: PSNR of the reconstruction in pixel values, dB. With pixel
      norm the reconstruction uses the target's own mean and deviation, so
      this value is optimistic and only comparable to others with pixel norm.
    """

    default_prefix = 'reconstruction'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Add the values of one batch of predictions."""
        for sample in data_samples:
            self.results.append(
                {
                    'loss': float(sample['loss']),
                    'mean_colour_loss': float(sample['mean_colour_loss']),
                    'psnr': psnr(sample['reconstruction'], sample['original']),
                }
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Return the averages over all images of all ranks."""
        figures = {
            name: sum(result[name] for result in results) / len(results)
            for name in ('loss', 'mean_colour_loss', 'psnr')
        }
        if figures['mean_colour_loss'] > FLAT:
            ratio = figures['loss'] / figures['mean_colour_loss']
        else:
            ratio = math.nan
            print_log(
                f'reconstruction/ratio is not defined: the hidden cells of '
                f'all {len(results)} images are of one colour each',
                'current',
                logging.WARNING,
            )
        return figures | {'ratio': ratio}
