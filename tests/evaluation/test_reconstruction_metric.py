import math

import pytest
import torch

from mixmae.evaluation.reconstruction_metric import (
    FLAT,
    ReconstructionMetric,
    psnr,
)
from mixmae.models.heads import MaskedReconstructionHead
from mixmae.registry import METRICS
from mixmae.structures import CellMask

MEAN = torch.tensor([123.675, 116.28, 103.53])
STD = torch.tensor([58.395, 57.12, 57.375])


def sample(loss: float, offset: float) -> dict:
    original = torch.full((3, 4, 4), 100.0)
    return dict(
        loss=loss,
        mean_colour_loss=2 * loss,
        original=original,
        reconstruction=original + offset,
    )


def test_means_over_images_whatever_the_batches():
    samples = [sample(0.2, 1.0), sample(0.4, 10.0), sample(0.9, 30.0)]
    figures = []
    for size in (1, 2, 3):
        metric = METRICS.build(dict(type='ReconstructionMetric'))
        assert isinstance(metric, ReconstructionMetric)
        for start in range(0, 3, size):
            metric.process(None, samples[start : start + size])
        figures.append(metric.evaluate(3))
    assert figures[0] == figures[1] == figures[2]
    assert figures[0]['reconstruction/loss'] == pytest.approx(0.5)
    assert figures[0]['reconstruction/ratio'] == pytest.approx(0.5)
    assert set(figures[0]) == {
        f'reconstruction/{name}'
        for name in ('loss', 'mean_colour_loss', 'ratio', 'psnr')
    }


def test_psnr_of_known_errors():
    original = torch.full((3, 4, 4), 100.0)
    assert psnr(original + 25.5, original) == pytest.approx(20.0)
    assert psnr(original, original) == pytest.approx(100.0)
    # Values outside 0..255 cannot be shown and are clipped.
    white = torch.full((3, 4, 4), 255.0)
    assert psnr(white + 50, white) == pytest.approx(100.0)


def test_flat_images_have_no_ratio():
    """Rounding alone would give ratios up to 1e14."""
    flat = [dict(sample(0.3, 1.0), mean_colour_loss=v) for v in (0, 5e-7)]
    metric = ReconstructionMetric()
    metric.process(None, flat)
    figures = metric.evaluate(2)
    assert math.isnan(figures['reconstruction/ratio'])
    assert figures['reconstruction/loss'] == pytest.approx(0.3)
    # One image with structure among them is enough.
    metric.process(None, [*flat, sample(0.4, 1.0)])
    ratio = metric.evaluate(3)['reconstruction/ratio']
    assert ratio == pytest.approx(1.0 / 0.8, rel=1e-5)


@pytest.mark.parametrize('norm_pixels', [False, True])
@pytest.mark.parametrize('loss', ['mse', 'l1'])
def test_flat_and_structured_images_are_distinguished(norm_pixels, loss):
    """By the head's own computation, for any colour."""
    head = MaskedReconstructionHead(norm_pixels=norm_pixels, loss=loss)
    generator = torch.Generator().manual_seed(0)
    mean, std = MEAN.view(3, 1, 1), STD.view(3, 1, 1)
    mask = CellMask(torch.ones(1, 4, 4, dtype=torch.bool), 16)
    for _ in range(50):
        colour = torch.randint(0, 255, (3, 1, 1), generator=generator)
        flat = colour.expand(3, 64, 64)
        noise = torch.randint(0, 2, (3, 64, 64), generator=generator)
        flat, rough = (
            ((pixels - mean) / std)[None] for pixels in (flat, flat + noise)
        )
        colour = head.mean_colour(flat, mask)
        filled = head.loss_per_image(colour, flat, mask)
        assert filled.item() < FLAT
        colour = head.mean_colour(rough, mask)
        filled = head.loss_per_image(colour, rough, mask)
        assert filled.item() > 10 * FLAT
