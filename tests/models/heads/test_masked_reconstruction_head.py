import pytest
import torch

from mixmae.models.heads import MaskedReconstructionHead
from mixmae.models.heads.pixel_target import to_cells, to_images
from tests.models.parts import random_images, random_mask


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
    errors = head.errors(prediction, images, mask)
    torch.testing.assert_close(errors.mean(), loss)


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
    assert head.errors(perfect, images, mask).max() < 1e-10


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


def test_unknown_loss():
    with pytest.raises(ValueError, match="'mse' or 'l1', got 'huber'"):
        MaskedReconstructionHead(loss='huber')
