import pytest
import torch

from mixmae.evaluation.reconstruction_metric import ReconstructionMetric, psnr
from mixmae.registry import METRICS


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
