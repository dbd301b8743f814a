"""How well hidden pixels are predicted, on fixed masks."""

import logging
import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from torch import Tensor

from mixmae.registry import METRICS

# Rounding alone makes a mean colour loss of up to 6e-7 where there is nothing
# but one colour a cell; noise of 1 in 255 makes more than 1e-4.
FLAT = 1e-6


def psnr(reconstruction: Tensor, original: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of two pictures in 0..255.

    The reconstruction is clipped to 0..255 first. Equal pictures give 100 dB
    instead of infinity, so that means stay finite.
    """
    difference = reconstruction.double().clamp(0, 255) - original.double()
    error = difference.square().mean().clamp(min=255**2 * 1e-10)
    return float(10 * torch.log10(255**2 / error))


@METRICS.register_module()
class ReconstructionMetric(BaseMetric):
    """Mean reconstruction error of a pretraining model.

    The preprocessor seeds the masks by each image's index, so that two
    checkpoints are measured on the same task, whatever the batch size or the
    number of ranks. Reports, as means over images:

    - ``loss``: the training objective;
    - ``mean_colour_loss``: that of filling each hidden cell with its own mean
      colour, which a model that sees no more than the cell's mean would get;
    - ``ratio``: the first over the second; below 1 the model knows more
      than a hidden cell's mean colour. NaN, with a warning, if the hidden
      cells of all images are of one colour each, so that there is nothing
      to know;
    - ``psnr``: of the reconstruction in pixel values, dB. With pixel norm
      the pixels borrow the target's own mean and deviation, so this figure
      flatters the model and compares only with figures of its kind.
    """

    default_prefix = 'reconstruction'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Take the figures of one batch of predictions."""
        for sample in data_samples:
            self.results.append(
                {
                    'loss': float(sample['loss']),
                    'mean_colour_loss': float(sample['mean_colour_loss']),
                    'psnr': psnr(sample['reconstruction'], sample['original']),
                }
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over all images of all ranks."""
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
