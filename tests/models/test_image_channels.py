"""Images with other than three channels, under every method."""

import pytest
import torch

from tests.models.pairs import pair_batch, pair_model

PAIRS = [
    ('swin', 'mixmae'),
    ('pvt', 'mixmae'),
    ('svt', 'mixmae'),
    ('log-swin', 'um-mae'),
    ('vit', 'um-mae'),
    ('plain-swin', 'simmim'),
    ('log-swin', 'simmim-16'),
]
every_pair = pytest.mark.parametrize(('backbone', 'method'), PAIRS)
every_number = pytest.mark.parametrize('channels', [1, 4, 12])


def model_of(backbone, method, channels):
    statistics = {'mean': [100.0] * channels, 'std': [50.0] * channels}
    return pair_model(
        backbone,
        method,
        backbone={'in_channels': channels},
        preprocessor=statistics,
    )


@every_pair
@every_number
def test_every_channel_is_predicted(backbone, method, channels):
    """Every channel also influences the predictions of the others."""
    model = model_of(backbone, method, channels).eval()
    images, mask = pair_batch(model)
    predicted = model.predict_cells(images, mask)
    assert predicted.shape[2] == channels * mask.cell**2
    loss = model.loss(images, mask)['loss']
    loss.backward()
    seen = model.backbone.patch_embed.proj.weight.grad
    assert (seen.abs().amax((0, 2, 3)) > 0).all()
    for sample in model.predict(images, mask):
        assert sample.reconstruction.shape == (channels, 128, 128)


@every_pair
def test_channels_in_another_order(backbone, method):
    """Permuted channels and weights give the same loss."""
    model = model_of(backbone, method, 4).eval()
    images, mask = pair_batch(model)
    before = model.loss(images, mask)['loss']
    order = torch.tensor([2, 0, 3, 1])
    proj = model.backbone.patch_embed.proj
    proj.weight.data = proj.weight.data[:, order]
    last = getattr(model.neck, 'predict', None)
    last = model.neck.decoder.predict if last is None else last
    for tensor in (last.weight, last.bias):
        # Predictions are pixels, row by row, then channels.
        pixels = tensor.data.unflatten(0, (-1, 4))
        tensor.data = pixels[:, order].flatten(0, 1)
    after = model.loss(images[:, order], mask)['loss']
    torch.testing.assert_close(after, before)


def test_parts_of_different_channels():
    with pytest.raises(ValueError, match='in_channels=4.*image_channels=3'):
        pair_model(
            'swin',
            'mixmae',
            backbone={'in_channels': 4},
            neck={'image_channels': 3},
        )
    with pytest.raises(ValueError, match='in_channels=4.*have 3 numbers'):
        pair_model('swin', 'mixmae', backbone={'in_channels': 4})


def test_images_of_other_channels():
    model = model_of('swin', 'mixmae', 4)
    with pytest.raises(ValueError, match=r'\(B, 4, H, W\), got'):
        model.backbone(torch.zeros(1, 3, 128, 128))
