import pytest
import torch

from mixmae.models import SimMIMNeck
from tests.models.overriding import MethodOverrides
from tests.models.pairs import pair_batch, pair_model
from tests.models.parts import random_images, random_mask


class TestOverrides(MethodOverrides):
    pair = ('svt', 'simmim')
    changes = {
        'neck': {'cell': 4, 'stride': 4, 'in_channels': 16},
        'masking': {'cell': 4},
    }


def neck(**changes) -> SimMIMNeck:
    settings = {'in_channels': 6, 'token_channels': 8, 'cell': 16}
    torch.manual_seed(0)
    made = SimMIMNeck(**{**settings, 'stride': 16, **changes})
    made.init_weights()
    return made


def test_hidden_tokens_are_the_mask_token():
    mask = random_mask(64, 96, batch=3)
    tokens = torch.randn(3, 32, 48, 8)
    seen, groups, coords = neck().hide(tokens, mask)
    hidden = mask.on_grid(32, 48)
    assert groups is None and coords is None
    assert torch.equal(seen[~hidden], tokens[~hidden])
    made = neck()
    assert made.mask_token.std() > 0
    wanted = made.mask_token.expand(int(hidden.sum()), -1)
    assert torch.equal(made.hide(tokens, mask).tokens[hidden], wanted)


def test_a_shared_mask_applies_to_every_image():
    mask, tokens = random_mask(), torch.randn(3, 16, 16, 8)
    hidden = mask.on_grid(16, 16)[0]
    seen = neck().hide(tokens, mask).tokens
    assert torch.equal(seen[0][hidden], seen[2][hidden])
    assert torch.equal(seen[:, ~hidden], tokens[:, ~hidden])


@pytest.mark.parametrize(('cell', 'stride'), [(8, 8), (4, 8), (2, 8), (8, 4)])
def test_pixels_are_predicted_in_their_cell(cell, stride):
    """Each cell is predicted by the latents inside it only.

    The layer is made to write the number of its latent into every pixel.
    """
    made = neck(cell=cell, stride=stride, in_channels=1)
    made.predict.weight.data.fill_(1)
    rows, columns = 32 // stride, 48 // stride
    number = torch.arange(rows * columns, dtype=torch.float32)
    latent = number.view(1, rows, columns, 1).repeat(2, 1, 1, 1)
    mask = random_mask(32, 48, cell=cell)
    found = made.reveal(latent, mask)
    assert found.shape == (2, 32 // cell * 48 // cell, 3 * cell**2)
    # Pixel by pixel, as (rows, columns of cells, y, x, channel).
    pixels = found[1].detach().view(32 // cell, 48 // cell, cell, cell, 3)
    image = pixels.permute(0, 2, 1, 3, 4).reshape(32, 48, 3)
    wanted = number.view(rows, columns)
    wanted = wanted.repeat_interleave(stride, 0).repeat_interleave(stride, 1)
    assert torch.equal(image, wanted[..., None].expand_as(image))


@pytest.mark.parametrize(('cell', 'stride'), [(8, 8), (4, 8), (8, 4)])
def test_every_output_is_one_pixel(cell, stride):
    """Each output of a latent token is one pixel."""
    made = neck(cell=cell, stride=stride, in_channels=1)
    made.predict.weight.data.zero_()
    made.predict.bias.data.copy_(torch.arange(3 * stride**2))
    latent = torch.zeros(1, 16 // stride, 16 // stride, 1)
    found = made.reveal(latent, random_mask(16, 16, cell=cell))
    times = (16 // stride) ** 2
    counts = found.detach().flatten().long().bincount()
    assert counts.tolist() == [times] * (3 * stride**2)


def test_the_picture_shows_the_mean_colour_of_hidden_cells():
    mask, images = random_mask(batch=2), random_images(2)
    seen = neck().mixed_images(images, mask)
    hidden = mask.at_stride(1)[:, None].expand_as(images)
    assert not seen[hidden].any()
    assert torch.equal(seen[~hidden], images[~hidden])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'in_channels': 0}, 'must be positive, got 0'),
        ({'cell': 0}, 'must be positive'),
        ({'cell': 12}, 'cell 12 and stride 16 must divide one another'),
        ({'cell': 24}, 'cell 24 and stride 16'),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        neck(**changes)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'stride': 16}, 'neck has stride=16.*total stride of 32 pixels'),
        ({'token_channels': 16}, 'token_channels=16.* have 8 channels'),
        ({'in_channels': 32}, 'ends in 64 channels.*in_channels=32'),
        ({'cell': 16}, 'masking has cell=32.*neck has cell=16'),
    ],
)
def test_parts_that_disagree(changes, message):
    with pytest.raises(ValueError, match=message):
        pair_model('plain-swin', 'simmim', neck=changes)


def test_loss_is_the_mean_absolute_error_of_hidden_pixels():
    """By hand, on plain pixels in image space."""
    model = pair_model('plain-swin', 'simmim-16').eval()
    images, mask = pair_batch(model, (64, 128))
    (sample, *_) = model(images, mask=mask, mode='predict')
    tokens = model.backbone.embed(images)
    latent = model.backbone.encode(*model.neck.hide(tokens, mask))
    cells = model.neck.reveal(latent, mask).detach()
    rows, columns = mask.grid
    predicted = cells.view(3, rows, columns, 16, 16, 3)
    predicted = predicted.permute(0, 5, 1, 3, 2, 4).reshape(3, 3, 64, 128)
    hidden = mask.at_stride(1)[:, None].expand_as(images)
    errors = (predicted - images).abs()[hidden]
    loss = model.loss(images, mask)['loss']
    torch.testing.assert_close(loss, errors.mean(), rtol=1e-5, atol=0)
    # Of 32 cells 24 are hidden; each image weighs the same.
    assert errors.numel() == 3 * 24 * 16 * 16 * 3
    own = errors.view(3, -1).mean(1)[0].item()
    assert sample.loss == pytest.approx(own, rel=1e-5)
    assert not sample.uses_target_statistics
