import torch

from mixmae.models.heads.pixel_target import PixelTarget, to_cells, to_images
from tests.models.parts import random_images


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
