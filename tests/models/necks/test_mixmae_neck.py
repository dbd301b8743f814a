import pytest
import torch

from mixmae.models import MixMAENeck
from tests.models.overriding import MethodOverrides
from tests.models.parts import random_images, random_mask, tiny_model


class TestOverrides(MethodOverrides):
    pair = ('swin', 'mixmae')
    changes = {'neck': {'cell': 4, 'in_channels': 16}, 'masking': {'cell': 4}}


def neck(**changes) -> MixMAENeck:
    decoder = {'embed_dims': 32, 'depth': 1, 'num_heads': 4}
    return MixMAENeck(**{'in_channels': 8, 'decoder': decoder, **changes})


def test_mixing_twice_restores_the_batch():
    mask = random_mask(64, 96)
    tokens = torch.randn(5, 32, 48, 8)
    once = neck().hide(tokens, mask).tokens
    assert not torch.equal(once, tokens)
    assert torch.equal(neck().hide(once, mask).tokens, tokens)


def test_partner_is_the_mirror_image_of_the_batch():
    mask = random_mask()
    tokens = torch.randn(4, 4, 4, 8)
    mixed = neck().hide(tokens, mask).tokens
    hidden = mask.hidden[0]
    for i in range(4):
        assert torch.equal(mixed[i][hidden], tokens[3 - i][hidden])
        assert torch.equal(mixed[i][~hidden], tokens[i][~hidden])


def test_the_mixed_picture_shows_both():
    mask = random_mask()
    images = random_images(2)
    mixed = neck().mixed_images(images, mask)
    hidden = mask.at_stride(1)[0]
    assert torch.equal(mixed[0][:, hidden], images[1][:, hidden])
    assert torch.equal(mixed[0][:, ~hidden], images[0][:, ~hidden])


def test_completions_are_in_the_official_order():
    """Unmixing them by hand equals ``reveal``."""
    model = tiny_model().eval()
    images, mask = random_images(4), random_mask()
    with torch.no_grad():
        tokens = model.backbone.embed(images)
        latent = model.backbone.encode(*model.neck.hide(tokens, mask))
        own, partners = model.neck.completions(latent, mask).chunk(2)
        found = model.neck.reveal(latent, mask)
    hidden = mask.hidden.flatten()
    wanted = torch.where(hidden[None, :, None], own, partners.flip(0))
    torch.testing.assert_close(found, wanted)


def test_ablation_refuses_a_mask_per_image():
    with pytest.raises(ValueError, match='share one mask, got 3 masks'):
        neck(masked_attention=False).hide(
            torch.zeros(3, 4, 4, 8), random_mask(batch=3)
        )


def test_ablation_refuses_an_odd_batch():
    with pytest.raises(ValueError, match='must be even, got 3 images'):
        neck(masked_attention=False).hide(
            torch.zeros(3, 4, 4, 8), random_mask()
        )


def test_with_a_mask_per_image_the_picture_still_mixes():
    masks, images = random_mask(batch=2), random_images(2)
    mixed = neck().mixed_images(images, masks)
    hidden = masks.at_stride(1)[1]
    assert torch.equal(mixed[1][:, hidden], images[0][:, hidden])


def test_ablation_has_no_groups():
    ablation = neck(masked_attention=False)
    assert ablation.hide(torch.zeros(2, 4, 4, 8), random_mask()).groups is None


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'in_channels': 0}, 'must be positive, got 0'),
        ({'cell': 0}, 'must be positive'),
        (
            {'decoder': {'embed_dims': 32, 'depth': 1, 'num_heads': 5}},
            'embed_dims 32 .* num_heads 5',
        ),
        (
            {'decoder': {'embed_dims': 32, 'depth': 0, 'num_heads': 4}},
            'depth 0',
        ),
        (
            {'decoder': {'embed_dims': 30, 'depth': 1, 'num_heads': 5}},
            'multiples of 4',
        ),
    ],
)
def test_bad_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        neck(**changes)
