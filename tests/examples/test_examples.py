"""Extension examples of the documentation."""

import numpy as np
import pytest
import torch

from examples.array_images import ArrayImages
from examples.block_masking import BlockMasking
from examples.frequency_head import FrequencyHead
from examples.patchwise_backbone import PatchwiseBackbone
from mixmae.registry import MODELS
from tests.contracts.masking_contract import MaskingContract
from tests.models.parts import random_images, random_mask

# Registered by its import.
__import__('examples.mean_token_neck')


class TestBlockMasking(MaskingContract):
    def masking(self):
        return BlockMasking(2, 1, cell=16)

    def test_hides_a_rectangle(self):
        mask = self.masking()(1, 64, 96, torch.Generator().manual_seed(0))
        places = mask.hidden[0].nonzero()
        assert len(places) == 2
        assert (places[1] - places[0]).tolist() == [1, 0]

    def test_the_rectangle_must_fit(self):
        with pytest.raises(ValueError, match='1x4 cells'):
            self.masking()(1, 16, 64)


def backbone(**changes):
    torch.manual_seed(0)
    return PatchwiseBackbone(8, (1, 2), patch_size=4, **changes)


@pytest.mark.parametrize('size', [(32, 32), (30, 17), (1, 5)])
def test_maps_of_any_size(size):
    maps = backbone(out_indices=(0, 1)).eval()(random_images(2, *size))
    strides = (4, 8)
    for features, dims, stride in zip(maps, (8, 16), strides, strict=True):
        height, width = (-(-side // stride) for side in size)
        assert features.shape == (2, dims, height, width)


def mixmae(cell=8):
    decoder = dict(embed_dims=16, depth=1, num_heads=2)
    return MODELS.build(
        dict(
            type='MaskedImageModel',
            backbone=dict(
                type='PatchwiseBackbone',
                embed_dims=8,
                depths=(1, 2),
                patch_size=4,
            ),
            neck=dict(
                type='MixMAENeck', in_channels=16, cell=cell, decoder=decoder
            ),
            head=dict(type='ReconstructionHead', cells='all'),
            data_preprocessor=dict(
                type='MaskingDataPreprocessor', mean=[0] * 3, std=[1] * 3
            ),
        )
    )


def test_the_backbone_keeps_images_apart():
    """A hidden cell never influences its own prediction."""
    model = mixmae().eval()
    images, mask = random_images(3, 32, 32), random_mask(32, 32, cell=8)
    hidden = mask.at_stride(1)[:, None]
    changed = images + hidden * torch.randn_like(images)
    with torch.no_grad():
        before = model.predict_cells(images, mask)
        after = model.predict_cells(changed, mask)
    own = mask.hidden.flatten()
    assert torch.equal(before[:, own], after[:, own])
    assert not torch.equal(before[:, ~own], after[:, ~own])


def test_every_parameter_of_the_backbone_learns():
    model = mixmae()
    images, mask = random_images(2, 32, 32), random_mask(32, 32, cell=8)
    model.loss(images, mask)['loss'].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_the_neck_shows_the_encoder_visible_cells_only():
    neck = MODELS.build(
        dict(
            type='MeanTokenNeck',
            in_channels=16,
            token_channels=8,
            cell=8,
            stride=8,
        )
    )
    mask = random_mask(32, 32, cell=8)
    tokens = torch.randn(2, 8, 8, 8)
    hidden = mask.on_grid(8, 8)[..., None]
    changed = tokens + hidden * torch.randn_like(tokens)
    one, other = (neck.hide(x, mask).tokens for x in (tokens, changed))
    torch.testing.assert_close(one, other)
    visible = tokens[:1][~hidden.expand(1, -1, -1, 8)].view(-1, 8)
    first = one[:1][hidden.expand(1, -1, -1, 8)].view(-1, 8)
    torch.testing.assert_close(first, visible.mean(0).expand_as(first))
    latents = torch.randn(2, 4, 4, 16)
    assert neck.reveal(latents, mask).shape == (2, 16, 3 * 8**2)


def test_the_head_adds_its_weighted_loss():
    images, mask = random_images(2, 32, 32), random_mask(32, 32, cell=8)
    prediction = torch.randn(2, 16, 3 * 8**2)

    def losses(weight):
        head = FrequencyHead(weight, cells='hidden')
        return head.loss(prediction, images, mask)

    one, two = losses(1.0), losses(2.0)
    assert one['loss'] == two['loss']
    assert two['loss_frequency'] == 2 * one['loss_frequency'] > 0


def test_the_data_set_reads_an_array(tmp_path):
    pytest.importorskip('mmpretrain')
    images = np.random.default_rng(0).integers(0, 256, (5, 20, 24, 3))
    path = tmp_path / 'images.npy'
    np.save(path, images.astype(np.uint8))
    found = ArrayImages(str(path), [dict(type='mmpretrain.PackInputs')])
    assert len(found) == 5
    expected = images[3, ..., ::-1].transpose(2, 0, 1)
    assert np.array_equal(found[3]['inputs'].numpy(), expected)
    np.save(path, np.zeros((2, 3)))
    with pytest.raises(ValueError, match='shape'):
        ArrayImages(str(path), [])
