import pytest
import torch

from mixmae.models import DualReconstructionHead
from mixmae.models.heads.pixel_target import PixelTarget, to_cells
from tests.models.parts import random_images, random_mask


@pytest.mark.parametrize('norm_pixels', [True, False])
def test_a_perfect_prediction(norm_pixels):
    head = DualReconstructionHead(norm_pixels)
    images, mask = random_images(), random_mask()
    perfect = PixelTarget.of(images, 16, norm_pixels).values
    assert head.loss(perfect, images, mask)['loss'] == 0
    torch.testing.assert_close(head.reconstruct(perfect, images, mask), images)


def test_every_cell_counts_once():
    """Not the hidden ones alone: each was hidden in one mixed image."""
    head = DualReconstructionHead(norm_pixels=False)
    images, mask = random_images(2), random_mask()
    for cell in range(16):
        prediction = to_cells(images, 16).clone()
        prediction[1, cell] += 2
        loss = head.loss(prediction, images, mask)['loss']
        assert loss.item() == pytest.approx(4 / 32, rel=1e-5)


def test_errors_are_the_loss_of_each_image():
    head = DualReconstructionHead()
    images, mask = random_images(), random_mask()
    prediction = torch.randn(3, 16, 768)
    errors = head.errors(prediction, images, mask)
    loss = head.loss(prediction, images, mask)['loss']
    assert errors.shape == (3,)
    torch.testing.assert_close(errors.mean(), loss)


def test_mean_colour_is_the_best_constant_colour():
    head = DualReconstructionHead(norm_pixels=False)
    images, mask = random_images(1), random_mask()
    filling = head.mean_colour(images, mask)
    best = head.errors(filling, images, mask)
    for shift in (-0.1, 0.1):
        assert head.errors(filling + shift, images, mask) > best


def test_normalised_zero_prediction_costs_one():
    """Predicting nothing but a cell's mean gives 1: "no learning"."""
    head = DualReconstructionHead(norm_pixels=True)
    loss = head.loss(torch.zeros(3, 16, 768), random_images(), random_mask())
    assert loss['loss'].item() == pytest.approx(1, abs=2e-3)
