import pytest
import torch

from mixmae.models.layers.attention_layout import Windows
from mixmae.models.layers.log_coordinate_bias import (
    LogCoordinateBias,
    TokenPairs,
)
from mixmae.models.necks import UMMAENeck
from mixmae.structures import CellMask
from tests.models.um_parts import um_mask


def biases(window: int = 4) -> LogCoordinateBias:
    torch.manual_seed(0)
    return LogCoordinateBias(window, 3, hidden_dims=8).double()


def direct(bias: LogCoordinateBias, coords: torch.Tensor) -> torch.Tensor:
    """(..., N, 2) -> (..., heads, N, N), the MLP applied to every pair."""
    offset = coords[..., None, :, :] - coords[..., :, None, :]
    scaled = torch.sign(offset) * torch.log(1 + offset.abs())
    hidden = torch.relu(scaled @ bias.fc1.weight.T + bias.fc1.bias)
    out = hidden @ bias.fc2.weight.T + bias.fc2.bias
    return out.movedim(-1, -3)


@pytest.mark.parametrize('grid', [(4, 4), (3, 2)])
def test_a_dense_window(grid):
    bias = biases()
    axes = [torch.arange(n, dtype=torch.float64) for n in grid]
    coords = torch.cartesian_prod(*axes)
    torch.testing.assert_close(
        bias(Windows(grid, 4).positions), direct(bias, coords)
    )


@pytest.mark.parametrize('shift', [0, 3])
@pytest.mark.parametrize('window', [3, 4, 8, 14])
@pytest.mark.parametrize('stage', range(4))
def test_lookup_equals_the_mlp(stage, window, shift):
    """The lookup equals the MLP in every stage, window and unmasked pair."""
    mask = um_mask(128, 192, 1)
    hide = UMMAENeck(8, {'embed_dims': 8, 'depth': 1, 'num_heads': 1}, cell=8)
    tokens = torch.zeros(1, 64, 96, 1)
    coords = hide.hide(tokens, CellMask(mask.hidden, 8)).coords.double()
    for _ in range(stage):
        coords = coords[:, ::2, ::2] / 2
    grid = (coords.size(1), coords.size(2))
    windows = Windows(
        grid, window, shift, coords=coords, cell=2.0 ** (2 - stage)
    )
    bias = biases(window)
    found = bias(windows.positions)
    wanted = direct(bias, windows.partition(coords))
    mask = windows.attention_mask
    if mask is not None:
        mask = mask[:, :, None].expand_as(wanted)
        found, wanted = found[mask], wanted[mask]
    torch.testing.assert_close(found, wanted)


def test_gradients_are_those_of_every_pair():
    bias = biases()
    coords = torch.randint(0, 8, (2, 3, 16, 2)).double()
    pairs = TokenPairs.of(coords, 4, 4.0)
    seed = torch.randn(2, 3, 3, 16, 16, dtype=torch.float64)
    gradients = [
        torch.autograd.grad((seed * x).sum(), list(bias.parameters()))
        for x in (bias(pairs), direct(bias, coords))
    ]
    torch.testing.assert_close(*gradients)


def test_little_is_saved_for_backward():
    """Neither hidden channels nor offsets of every pair are saved."""
    bias = biases()
    pairs = TokenPairs.of(torch.zeros(64, 4, 64, 2), 8, 4.0)
    sizes = []

    def note(x: torch.Tensor) -> torch.Tensor:
        sizes.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        bias(pairs)
    assert max(sizes) == pairs.row.numel()
    assert pairs.row.dtype == torch.int32
    assert sum(sizes) < 1.2 * pairs.row.numel()


def test_bad_arguments():
    with pytest.raises(ValueError, match='at least 1, got 0'):
        LogCoordinateBias(4, 1, hidden_dims=0)
