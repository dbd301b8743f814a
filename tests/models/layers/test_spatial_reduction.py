import pytest
import torch
from torch.nn import functional as F

from mixmae.models.layers.key_cells import KeyCells
from mixmae.models.layers.spatial_reduction import SpatialReduction


def reduction(*arguments) -> SpatialReduction:
    torch.manual_seed(0)
    return SpatialReduction(6, *arguments).double().eval()


def reduced(module, x, cells):
    with torch.no_grad():
        return module(cells.partition(x), cells.padding)


def maps(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 1, 2)


@pytest.mark.parametrize('grid', [(8, 12), (7, 9)])
def test_conv_is_a_convolution_of_the_padded_grid(grid):
    module = reduction(4)
    x = torch.randn(2, *grid, 6).double()
    padded = F.pad(x, (0, 0, 0, -grid[1] % 4, 0, -grid[0] % 4))
    with torch.no_grad():
        wanted = module.norm(module.proj(maps(padded)).permute(0, 2, 3, 1))
    found = reduced(module, x, KeyCells(grid, 4))
    torch.testing.assert_close(found, wanted.flatten(1, 2))


@pytest.mark.parametrize('grid', [(8, 12), (7, 9)])
def test_pool_is_the_mean_of_real_tokens(grid):
    module = reduction(4, 'pool')
    x = torch.randn(2, *grid, 6).double()
    with torch.no_grad():
        means = F.avg_pool2d(maps(x), 4, ceil_mode=True)
        wanted = module.norm(module.proj(means).permute(0, 2, 3, 1))
    found = reduced(module, x, KeyCells(grid, 4))
    torch.testing.assert_close(found, wanted.flatten(1, 2))


def test_pool_has_the_same_weights_at_any_side():
    reduction(8, 'pool').load_state_dict(reduction(2, 'pool').state_dict())


def test_bad_arguments():
    with pytest.raises(ValueError, match="got 'max'"):
        SpatialReduction(6, 2, 'max')
    with pytest.raises(ValueError, match='at least 1 token, got 0'):
        SpatialReduction(6, 0)
