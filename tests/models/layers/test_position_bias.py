import numpy as np
import pytest
import torch

from mixmae.models.layers.position_bias import (
    RelativePositionBias,
    _spline_weights,
    resize_table,
)


def test_bias_depends_on_the_offset_alone():
    bias = RelativePositionBias(3, 2)
    found = bias()
    assert found.shape == (2, 9, 9)
    for i in range(9):
        for j in range(9):
            dy, dx = i // 3 - j // 3, i % 3 - j % 3
            row = (dy + 2) * 5 + dx + 2
            assert torch.equal(found[:, i, j], bias.table[row])


def test_chosen_tokens_are_a_part_of_all():
    bias = RelativePositionBias(4, 3)
    positions = torch.tensor([7, 0, 12, 3])
    wanted = bias()[:, positions][:, :, positions]
    assert torch.equal(bias(positions), wanted)


@pytest.mark.parametrize('resize', ['bicubic', 'geometric'])
def test_a_table_of_another_window_is_resized_on_loading(resize):
    small = RelativePositionBias(7, 2)
    large = RelativePositionBias(12, 2, resize)
    state = small.state_dict()
    large.load_state_dict(state)
    assert torch.equal(large.table, resize_table(small.table, 12, resize))
    assert state['table'].shape == (169, 2)


ramp = torch.linspace(-1, 1, 13)
RAMPS = (ramp[:, None] + ramp).reshape(-1, 1)


def test_bicubic_keeps_smooth_tables():
    resized = resize_table(RAMPS, 14).view(27, 27)
    # The official convention maps borders of pixels, not their centres.
    wanted = torch.linspace(-1, 1, 27)
    inner = slice(4, -4)
    error = resized[13, inner] - wanted[inner] * (27 / 13 * 12 / 26)
    assert error.abs().max() < 0.1


@pytest.mark.parametrize(('old', 'new'), [(7, 12), (14, 16), (12, 7), (2, 5)])
def test_geometric_keeps_the_centre_and_the_ends(old, new):
    generator = torch.Generator().manual_seed(0)
    side = 2 * old - 1
    table = torch.rand(side**2, 3, generator=generator)
    grid = table.view(side, side, 3)
    resized = resize_table(table, new, 'geometric')
    resized = resized.view(2 * new - 1, 2 * new - 1, 3)
    for found, given in ((0, 0), (new - 1, old - 1), (-1, -1)):
        torch.testing.assert_close(
            resized[found, found], grid[given, given], atol=1e-4, rtol=0
        )


def test_geometric_keeps_the_nearest_offsets():
    """Offset 1 stays offset 1 for every window size."""
    table = torch.zeros(13 * 13, 1)
    table.view(13, 13)[7, 6] = 1.0
    geometric = resize_table(table, 16, 'geometric')
    assert geometric.argmax() == 16 * 31 + 15
    assert geometric.max().item() == pytest.approx(1.0, abs=1e-4)
    # Stretching as a picture moves it.
    assert resize_table(table, 16).argmax() // 31 > 16


@pytest.mark.parametrize('old', [2, 3, 14, 24])
@pytest.mark.parametrize('new', [1, 2])
def test_tiny_windows_get_the_nearest_offsets(old, new):
    generator = torch.Generator().manual_seed(0)
    side = 2 * old - 1
    table = torch.rand(side**2, 3, generator=generator)
    nearest = slice(old - new, old + new - 1)
    expected = table.view(side, side, 3)[nearest, nearest]
    resized = resize_table(table, new, 'geometric')
    torch.testing.assert_close(resized, expected.reshape(-1, 3))


@pytest.mark.parametrize('new', [3, 4])
def test_far_offsets_may_coincide(new):
    """64 offsets on 3 tokens: the last ones differ by 2^-60."""
    ones = torch.ones(127**2, 1)
    resized = resize_table(ones, new, 'geometric')
    torch.testing.assert_close(resized, torch.ones((2 * new - 1) ** 2, 1))
    inner = torch.zeros(127, 127)
    inner[62:65, 62:65] = torch.arange(9.0).view(3, 3)
    resized = resize_table(inner.view(-1, 1), new, 'geometric')
    found = resized.view(2 * new - 1, -1)[new - 2 : new + 1, new - 2 : new + 1]
    torch.testing.assert_close(found, inner[62:65, 62:65])


@pytest.mark.parametrize('count', [4, 5, 13])
def test_splines_are_those_of_scipy(count):
    interpolate = pytest.importorskip('scipy.interpolate')
    generator = np.random.default_rng(count)
    places = np.cumsum(generator.uniform(0.5, 2.0, count))
    values = generator.normal(size=count)
    wanted = np.linspace(places[0], places[-1], 31)
    spline = interpolate.CubicSpline(places, values, bc_type='not-a-knot')
    weights = _spline_weights(
        torch.from_numpy(places), torch.from_numpy(wanted)
    )
    found = weights.numpy() @ values
    np.testing.assert_allclose(found, spline(wanted), atol=1e-12)


def test_the_same_window_is_left_alone():
    for method in ('bicubic', 'geometric'):
        assert torch.equal(resize_table(RAMPS, 7, method), RAMPS)


def test_one_token_fills_a_window():
    table = torch.tensor([[0.5, 2.0]])
    for method in ('bicubic', 'geometric'):
        resized = resize_table(table, 3, method)
        torch.testing.assert_close(resized, table.expand(25, 2))


@pytest.mark.parametrize('rows', [170, 144])
def test_a_table_has_the_square_of_an_odd_number_of_rows(rows):
    with pytest.raises(ValueError, match=f'odd number of rows.* got {rows}'):
        resize_table(torch.zeros(rows, 2), 7)


def test_an_unknown_method():
    with pytest.raises(ValueError, match='bicubic, geometric, got linear'):
        resize_table(RAMPS, 9, 'linear')
