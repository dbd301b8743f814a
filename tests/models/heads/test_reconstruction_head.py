"""Losses and reconstructions of both heads."""

import pytest
import torch

from mixmae.models.heads import (
    DualReconstructionHead,
    MaskedReconstructionHead,
    ReconstructionHead,
)
from mixmae.models.heads.reconstruction_head import (
    ERRORS,
    PixelTarget,
    to_cells,
    to_images,
)
from mixmae.structures import CellMask
from tests.models.parts import random_images, random_mask


def test_cells_are_raster_pixels_then_channels():
    images = torch.arange(3 * 4 * 6).view(1, 3, 4, 6)
    cells = to_cells(images, 2)
    assert cells.shape == (1, 6, 12)
    # Row 2 and 3, column 4 and 5, is the last cell.
    wanted = images[0, :, 2:, 4:].permute(1, 2, 0).flatten()
    assert torch.equal(cells[0, -1], wanted)


def test_to_images_undoes_to_cells():
    images = random_images(2, 32, 48)
    assert torch.equal(to_images(to_cells(images, 16), 16, 32, 48), images)


def test_normalised_cells_have_unit_unbiased_variance():
    target = PixelTarget.of(random_images(2), 16, norm_pixels=True)
    values = target.values
    assert values.mean(-1).abs().max() < 1e-6
    assert (values.var(-1) - 1).abs().max() < 1e-5


def test_flat_cells_stay_finite():
    target = PixelTarget.of(torch.ones(1, 3, 32, 32), 16, norm_pixels=True)
    assert target.values.abs().max() == 0


def test_raw_target_is_the_image():
    images = random_images(1)
    target = PixelTarget.of(images, 16, norm_pixels=False)
    assert torch.equal(target.values, to_cells(images, 16))
    assert not target.mean.any() and (target.scale == 1).all()


@pytest.fixture(params=['mse', 'l1'])
def kind(request):
    return request.param


def test_only_hidden_cells_count(kind):
    head = MaskedReconstructionHead(loss=kind)
    images, mask = random_images(3, 64, 96), random_mask(64, 96, 3)
    prediction = torch.randn(3, 24, 768)
    loss = head.loss(prediction, images, mask)['loss']
    hidden = mask.hidden.flatten(1)
    prediction[~hidden] += 7
    assert head.loss(prediction, images, mask)['loss'] == loss
    prediction[hidden] += 7
    assert head.loss(prediction, images, mask)['loss'] > loss


def test_loss_is_the_mean_over_hidden_pixels(kind):
    head = MaskedReconstructionHead(norm_pixels=False, loss=kind)
    images, mask = random_images(2), random_mask()
    prediction = torch.randn(2, 16, 768)
    hidden = mask.hidden.flatten(1).expand(2, -1)
    difference = prediction[hidden] - to_cells(images, 16)[hidden]
    power = 2 if kind == 'mse' else 1
    wanted = difference.abs().pow(power)
    loss = head.loss(prediction, images, mask)['loss']
    torch.testing.assert_close(loss, wanted.mean())
    errors = head.loss_per_image(prediction, images, mask)
    torch.testing.assert_close(errors.mean(), loss)


@pytest.mark.parametrize('kind', ERRORS)
def test_loss_is_float32_under_autocast(kind):
    head = MaskedReconstructionHead(loss=kind)
    prediction = torch.randn(2, 16, 768, dtype=torch.bfloat16)
    with torch.autocast('cpu', torch.bfloat16):
        loss = head.loss(prediction, random_images(2), random_mask())['loss']
    assert loss.dtype == torch.float32


def test_simmim_adds_its_epsilon_to_the_pixels():
    head = MaskedReconstructionHead(norm_pixels=False, loss='l1').double()
    images = random_images(1, 16, 32).double()
    mask = random_mask(16, 32)
    prediction = to_cells(images, 16) + 1
    loss = head.loss(prediction, images, mask)['loss'].item()
    assert loss == pytest.approx(256 / (256 + 1e-5), rel=1e-10)


def test_a_perfect_prediction_is_the_image():
    head = MaskedReconstructionHead()
    images, mask = random_images(2), random_mask()
    cells = to_cells(images, 16)
    variance, mean = torch.var_mean(cells, dim=-1, keepdim=True)
    perfect = (cells - mean) / (variance + 1e-6).sqrt()
    torch.testing.assert_close(
        head.reconstruct(perfect, images, mask), images, rtol=0, atol=1e-5
    )
    assert head.loss_per_image(perfect, images, mask).max() < 1e-10


def test_visible_cells_are_shown_as_they_are():
    head = MaskedReconstructionHead(norm_pixels=False)
    images, mask = random_images(2), random_mask()
    picture = head.reconstruct(torch.zeros(2, 16, 768), images, mask)
    hidden = mask.at_stride(1)[:, None]
    assert torch.equal(picture, images.masked_fill(hidden, 0))


def test_mean_colour_of_each_cell():
    head = MaskedReconstructionHead(norm_pixels=False)
    images, mask = random_images(2), random_mask()
    filled = to_images(head.mean_colour(images, mask), 16, 64, 64)
    corner = images[0, :, :16, :16].mean((1, 2))
    torch.testing.assert_close(filled[0, :, 3, 5], corner)


def test_both_cells_agree_where_everything_is_hidden():
    images, mask = random_images(2), random_mask()
    everything = CellMask(torch.ones_like(mask.hidden), mask.cell)
    prediction = torch.randn(2, 16, 768)
    everywhere, hidden = (
        ReconstructionHead(cells).loss_per_image(
            prediction, images, everything
        )
        for cells in ('all', 'hidden')
    )
    torch.testing.assert_close(everywhere, hidden)


def test_unknown_cells():
    with pytest.raises(ValueError, match="'all' or 'hidden', got 'seen'"):
        ReconstructionHead('seen')


def test_unknown_loss():
    with pytest.raises(ValueError, match="'mse' or 'l1', got 'huber'"):
        MaskedReconstructionHead(loss='huber')


@pytest.mark.parametrize('norm_pixels', [True, False])
def test_a_perfect_prediction_of_all_cells(norm_pixels):
    head = DualReconstructionHead(norm_pixels)
    images, mask = random_images(), random_mask()
    perfect = PixelTarget.of(images, 16, norm_pixels).values
    assert head.loss(perfect, images, mask)['loss'] == 0
    torch.testing.assert_close(head.reconstruct(perfect, images, mask), images)


def test_every_cell_counts_once():
    """All cells have a loss: each was hidden in one mixed image."""
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
    errors = head.loss_per_image(prediction, images, mask)
    loss = head.loss(prediction, images, mask)['loss']
    assert errors.shape == (3,)
    torch.testing.assert_close(errors.mean(), loss)


def test_mean_colour_is_the_best_constant_colour():
    head = DualReconstructionHead(norm_pixels=False)
    images, mask = random_images(1), random_mask()
    filling = head.mean_colour(images, mask)
    best = head.loss_per_image(filling, images, mask)
    for shift in (-0.1, 0.1):
        assert head.loss_per_image(filling + shift, images, mask) > best


def test_normalised_zero_prediction_costs_one():
    """Predicting the mean of each cell gives loss 1, "no learning"."""
    head = DualReconstructionHead(norm_pixels=True)
    loss = head.loss(torch.zeros(3, 16, 768), random_images(), random_mask())
    assert loss['loss'].item() == pytest.approx(1, abs=2e-3)
