import pytest
import torch

from mixmae.masking import UniformMasking
from mixmae.models import UMMAENeck
from mixmae.models.layers.absolute_positions import sincos_embedding
from mixmae.structures import CellMask
from tests.models.overriding import MethodOverrides
from tests.models.parts import random_images, random_mask, tiny_model
from tests.models.um_parts import um_mask, um_model


class TestOverrides(MethodOverrides):
    pair = ('log-swin', 'um-mae')
    changes = {
        'neck': {'cell': 2, 'in_channels': 16},
        'masking': {'cell': 2, 'multiple': 8},
    }


class TestOverridesOfPooledKeys(TestOverrides):
    pair = ('pool-pvt', 'um-mae')


SIZES = [(64, 64), (64, 96), (128, 32)]


def neck(**changes) -> UMMAENeck:
    decoder = {'embed_dims': 8, 'depth': 1, 'num_heads': 2}
    torch.manual_seed(0)
    built = UMMAENeck(
        **{'in_channels': 8, 'decoder': decoder, 'cell': 8, **changes}
    )
    built.init_weights()
    return built


def places(height: int, width: int, batch: int) -> torch.Tensor:
    """Return tokens that contain their place, (B, h, w, 3): image, y, x."""
    axes = [torch.arange(float(n)) for n in (batch, height, width)]
    return torch.stack(torch.meshgrid(*axes, indexing='ij'), dim=-1)


@pytest.mark.parametrize('size', SIZES)
def test_kept_tokens_come_with_their_coordinates(size):
    mask = um_mask(*size)
    tokens = places(size[0] // 2, size[1] // 2, 3)
    found = neck().hide(tokens, CellMask(mask.hidden, 8))
    assert found.tokens.shape == (3, size[0] // 4, size[1] // 4, 3)
    assert found.coords.dtype == torch.float32 and found.groups is None
    assert torch.equal(found.tokens[..., 1:], found.coords)
    image = torch.arange(3.0).view(3, 1, 1)
    assert torch.equal(
        found.tokens[..., 0],
        image.expand_as(image.new_empty(3, size[0] // 4, size[1] // 4)),
    )
    seen = mask.on_grid(size[0] // 2, size[1] // 2).logical_not()
    for i, coords in enumerate(found.coords.long().flatten(1, 2)):
        grid = torch.zeros_like(seen[i])
        grid[coords[:, 0], coords[:, 1]] = True
        assert torch.equal(grid, seen[i])


def test_cells_stay_whole_and_in_order():
    """Each 4 x 4 block is one cell of the 2 x 2 cells it represents."""
    coords = (
        neck()
        .hide(places(32, 48, 3), CellMask(um_mask(64, 96).hidden, 8))
        .coords
    )
    cells = coords.unflatten(2, (-1, 4)).unflatten(1, (-1, 4))
    corner = cells[:, :, :1, :, :1]
    within = torch.stack(
        torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing='ij'),
        dim=-1,
    )
    assert torch.equal(
        (cells - corner).transpose(2, 3), within.expand(3, 4, 6, 4, 4, 2)
    )
    assert not (corner % 4).any()
    index = torch.stack(
        torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing='ij'),
        dim=-1,
    )
    assert torch.equal(
        corner[:, :, 0, :, 0].div(8).floor(), index.expand(3, 4, 6, 2)
    )


def test_secondary_cells_become_the_token():
    mask = um_mask(64, 96)
    built = neck(token_channels=3)
    tokens = places(32, 48, 3)
    plain = built.hide(tokens, CellMask(mask.hidden, 8))
    found = built.hide(tokens, mask, lambda token: 2 * token)
    y, x = plain.coords.long().unbind(-1)
    image = torch.arange(3).view(3, 1, 1)
    again = mask.secondary[image, y // 4, x // 4]
    assert again.any()
    token = 2 * built.secondary_token[0, 0]
    assert (found.tokens[again] == token).all()
    assert torch.equal(found.tokens[~again], plain.tokens[~again])
    assert torch.equal(found.coords, plain.coords)


def test_hidden_and_secondary_pixels_do_not_reach_predictions():
    """Bit-equal predictions for any pixels there."""
    model = um_model().eval()
    for size in SIZES:
        images, mask = random_images(3, *size), um_mask(*size)
        unseen = CellMask(mask.hidden | mask.secondary, 8).at_stride(1)
        changed = images + unseen[:, None] * torch.randn_like(images)
        with torch.no_grad():
            before = model.predict_cells(images, mask)
            assert torch.equal(model.predict_cells(changed, mask), before)
            moved = images + ~unseen[:, None] * torch.randn_like(images)
            after = model.predict_cells(moved, mask)
        hidden = mask.hidden.flatten(1)
        assert (after != before)[hidden].any(-1).all()
        assert torch.equal(
            model.neck.mixed_images(changed, mask),
            images.masked_fill(unseen[:, None], 0),
        )


def decoder_inputs(legacy: bool, mask: CellMask) -> torch.Tensor:
    """Return the decoder's input of each cell, (B, R, S, D).

    Each cell has a latent of its own, the embedding of its coordinates; with
    factor 1 the linear map hands it on.
    """
    built = neck(factor=1, legacy_position_order=legacy)
    torch.nn.init.eye_(built.embed.weight)
    rows, columns = mask.grid
    compact = built.hide(
        places(rows, columns, mask.hidden.size(0)),
        CellMask(mask.hidden, 8),
    ).coords
    return built._complete(sincos_embedding(compact, 8), mask)


def share_aligned(legacy: bool, mask: CellMask) -> float:
    """Return the share of visible cells with their own position."""
    x = decoder_inputs(legacy, mask)
    rows, columns = mask.grid
    own = sincos_embedding(places(rows, columns, 1)[0, ..., 1:], 8)
    right = (x - own).abs().amax(-1) < 1e-4
    return right[~mask.hidden].float().mean().item()


def test_every_visible_token_gets_its_own_position():
    mask = UniformMasking(cell=8, multiple=32)(50, 128, 128)
    assert share_aligned(False, mask) == 1


def test_the_official_order_misplaces_three_quarters():
    """Simulation of 2,000 masks: 75 %, and never all aligned."""
    generator = torch.Generator().manual_seed(0)
    mask = UniformMasking(cell=8, multiple=32)(200, 128, 128, generator)
    assert share_aligned(True, mask) == pytest.approx(0.25, abs=0.03)


def test_hidden_cells_get_the_mask_token():
    mask = um_mask()
    for legacy in (False, True):
        x = decoder_inputs(legacy, mask)
        token = neck(factor=1).mask_token[0, 0]
        assert (x[mask.hidden] == token).all()


def test_pixel_shuffle_equals_torchs():
    built = neck()
    mask = um_mask(64, 96)
    latent = torch.randn(3, 2, 3, 8)
    x = built._complete(latent, mask)
    wanted = torch.nn.functional.pixel_shuffle(
        built.embed(latent).permute(0, 3, 1, 2), 2
    ).permute(0, 2, 3, 1)
    visible = wanted.repeat_interleave(2, 1).repeat_interleave(2, 2)
    seen = ~mask.hidden
    torch.testing.assert_close(x[seen], visible[seen])


def test_only_hidden_cells_are_predicted():
    built = neck().eval()
    mask = um_mask()
    latent = torch.randn(3, 2, 2, 8)
    hidden = mask.hidden.flatten(1)
    found = built.reveal(latent, mask)
    torch.testing.assert_close(
        found[hidden], built.all_cells(latent, mask)[hidden]
    )
    assert not found[~hidden].any()
    # A mask that was never counted takes the plain path.
    object.__setattr__(mask, 'num_hidden', None)
    torch.testing.assert_close(built.reveal(latent, mask), found)


def test_vit_has_one_token_per_cell():
    built = neck(factor=1)
    mask = um_mask(32, 64)
    visible = built.hide(torch.randn(3, 4, 8, 8), CellMask(mask.hidden, 8))
    assert visible.tokens.shape == (3, 2, 4, 8)
    assert built.reveal(visible.tokens, mask).shape == (3, 32, 192)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'in_channels': 0}, 'must be positive, got 0'),
        ({'cell': -8}, 'must be positive'),
        ({'factor': 4}, r'2 \(hierarchical encoders\) or 1 .*got 4'),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        neck(**changes)


def test_other_masks_are_refused():
    for mask in (random_mask(cell=8), random_mask(24, 40, cell=8)):
        with pytest.raises(ValueError, match='UniformMasking'):
            neck().hide(torch.zeros(1, 8, 8, 8), mask)


def test_an_image_must_end_in_whole_latents():
    mask = UniformMasking(cell=8, multiple=16)(1, 64, 80)
    with pytest.raises(ValueError, match='64x80 .* 32 pixels.* 64x64'):
        neck().hide(torch.zeros(1, 32, 40, 8), mask)


def test_secondary_cells_need_a_token():
    with pytest.raises(ValueError, match='give it token_channels'):
        neck().hide(torch.zeros(3, 32, 32, 8), um_mask())


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'neck': {'token_channels': 4}}, 'token_channels=4, .* 8 channels'),
        (
            {'neck': {'factor': 1}},
            'cell=8 and factor=1, .* stride of 16 pixels',
        ),
        (
            {'backbone': {'position_bias': 'table'}},
            'UMMAENeck needs .* gathered .*; MIMSwin with a bias table',
        ),
    ],
)
def test_backbones_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        um_model(**arguments)


def test_factor_one_needs_a_vit():
    neck = {'type': 'UMMAENeck', 'factor': 1}
    head = {'type': 'MaskedReconstructionHead'}
    backbone = {'position_bias': 'log_coordinates'}
    with pytest.raises(ValueError, match='patches of 2 pixels .* of 8 pixels'):
        tiny_model(backbone=backbone, neck=neck, head=head)
