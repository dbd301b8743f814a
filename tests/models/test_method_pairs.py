"""Every backbone under every method: results, or the reason of a refusal."""

from itertools import product

import pytest
import torch

from tests.models.pairs import BACKBONES, METHODS, pair_batch, pair_model

_TABLE = 'UMMAENeck needs .* larger grid; MIMSwin with a bias table knows'
_CONVOLVES = 'UMMAENeck needs .* MIMTwins computes positions from neighbour'
# Reasons in the error messages.
REFUSED = {
    ('swin', 'um-mae'): _TABLE,
    ('plain-swin', 'um-mae'): _TABLE,
    ('svt', 'um-mae'): _CONVOLVES,
    ('pcpvt', 'um-mae'): _CONVOLVES,
    ('vit', 'mixmae'): (
        'MixMAENeck needs a backbone that can keep two groups of tokens '
        'apart; MIMViT has a class token, which attends to'
    ),
}
PAIRS = [pair for pair in product(BACKBONES, METHODS) if pair not in REFUSED]
SIZES = [(128, 128), (128, 192), (192, 64)]
every_pair = pytest.mark.parametrize(('backbone', 'method'), PAIRS)


def predict(model, images, mask):
    with torch.no_grad():
        return model.predict_cells(images, mask)


@pytest.mark.parametrize(('pair', 'reason'), REFUSED.items())
def test_refused(pair, reason):
    with pytest.raises(ValueError, match=reason):
        pair_model(*pair)


@every_pair
def test_hides_encodes_and_reveals(backbone, method):
    """Shapes at each seam, for odd batches and non-square images."""
    model = pair_model(backbone, method).eval()
    channels = model.backbone.num_features
    for size in SIZES:
        images, mask = pair_batch(model, size)
        tokens = model.backbone.embed(images)
        patch = model.backbone.patch_size
        assert tokens.shape == (
            3,
            size[0] // patch,
            size[1] // patch,
            channels[0],
        )
        visible = model.neck.hide(tokens, mask, model.backbone.embed_token)
        # UM-MAE's encoder sees a quarter.
        part = 2 if method == 'um-mae' else 1
        assert visible.tokens.shape == (
            3,
            size[0] // patch // part,
            size[1] // patch // part,
            channels[0],
        )
        latent = model.backbone.encode(*visible)
        stride = model.backbone.stride * part
        assert latent.shape == (
            3,
            size[0] // stride,
            size[1] // stride,
            channels[-1],
        )
        prediction = model.neck.reveal(latent, mask)
        rows, columns = mask.grid
        assert (rows * mask.cell, columns * mask.cell) == size
        assert prediction.shape == (3, rows * columns, 3 * mask.cell**2)
        assert prediction.isfinite().all()


@every_pair
def test_every_parameter_learns(backbone, method):
    model = pair_model(backbone, method)
    loss = model.loss(*pair_batch(model))['loss']
    assert loss.dim() == 0 and loss > 0
    loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            moved = parameter.grad.abs().max().item()
            if name.endswith('position_bias.fc2.bias'):
                # The same for all scores: the softmax does not see it.
                assert moved < 1e-5, name
            else:
                assert moved > 0, name


@every_pair
def test_hidden_pixels_never_reach_their_own_prediction(backbone, method):
    """Bit-equal predictions for any pixels of the hidden cell."""
    model = pair_model(backbone, method).eval()
    for size in SIZES:
        images, mask = pair_batch(model, size)
        before = predict(model, images, mask)
        noise = torch.randn_like(images)
        hidden = mask.at_stride(1)[:, None]
        cells = mask.hidden.flatten(1).expand(3, -1)
        after = predict(model, images + hidden * noise, mask)
        assert torch.equal(after[cells], before[cells])
        if method == 'mixmae':
            # Each half of an image is predicted from the other one.
            assert not torch.equal(after[~cells], before[~cells])
            after = predict(model, images + ~hidden * noise, mask)
            assert torch.equal(after[~cells], before[~cells])
        else:
            # They are not attended to at all.
            assert torch.equal(after, before)
            after = predict(model, images + ~hidden * noise, mask)
        # Windows without shifts may leave some cells alone.
        changed = (after != before).any(2)[cells]
        assert changed.float().mean() > 0.5


@every_pair
def test_images_do_not_influence_each_other(backbone, method):
    """Predictions equal those of single images up to rounding."""
    model = pair_model(backbone, method).eval()
    images, mask = pair_batch(model, (128, 192))
    together = predict(model, images, mask)
    for i, image in enumerate(images):
        one = mask if mask.shared else _of_image(mask, i)
        alone = predict(model, image[None], one)
        torch.testing.assert_close(alone[0], together[i], rtol=1e-3, atol=1e-4)


@every_pair
def test_autocast_is_finite_and_close(backbone, method):
    model = pair_model(backbone, method)
    images, mask = pair_batch(model)
    exact = model.loss(images, mask)['loss']
    with torch.autocast('cpu', torch.bfloat16):
        loss = model.loss(images, mask)['loss']
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, exact, rtol=0.03, atol=0)
    for parameter in model.parameters():
        assert parameter.grad.isfinite().all()


@every_pair
def test_predicts_pictures(backbone, method):
    model = pair_model(backbone, method).eval()
    images, mask = pair_batch(model, (128, 192))
    samples = model(images, mask=mask, mode='predict')
    hidden = mask.at_stride(1).expand(3, -1, -1)
    for i, sample in enumerate(samples):
        for name in ('original', 'mixed', 'reconstruction'):
            assert sample.get(name).shape == (3, 128, 192)
        seen = sample.original.clone()
        if method == 'mixmae':
            seen = torch.where(hidden[i], samples[2 - i].original, seen)
        else:
            # Their reconstruction keeps what was visible.
            shown = (sample.reconstruction - seen).abs().amax(0)
            assert shown[~hidden[i]].max() < 1e-3
            unseen = hidden[i]
            if mask.secondary is not None:
                secondary = mask.secondary[i].repeat_interleave(16, 0)
                unseen = unseen | secondary.repeat_interleave(16, 1)
            mean = model.data_preprocessor.mean
            seen = torch.where(unseen, mean, seen)
        torch.testing.assert_close(sample.mixed, seen)
        assert 0 < sample.loss < 100


def _of_image(mask, i):
    secondary = mask.secondary
    return type(mask)(
        mask.hidden[i : i + 1],
        mask.cell,
        None if secondary is None else secondary[i : i + 1],
    )
