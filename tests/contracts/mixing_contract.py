"""Contract of encoders under MixMAE; subclasses set ``model``.

Architecture, "mixing is packing": with masked attention the mixed batch is
each image split in two halves that never meet.
"""

import pytest
import torch

from mixmae.models.layers.transformer_block import TransformerBlock
from tests.models.parts import random_images, random_mask

# float32 sums in another order.
CLOSE = {'rtol': 1e-4, 'atol': 1e-5}


def predict(model, images, mask):
    with torch.no_grad():
        return model.predict_cells(images, mask)


def stream_dtypes(parts, model, images, mask, dtype) -> set[torch.dtype]:
    """Return dtypes of residual streams in parts of a model under autocast."""
    found = set()

    def note(norm, inputs):
        found.add(inputs[0].dtype)

    hooks = [
        block.norm1.register_forward_pre_hook(note)
        for part in parts
        for block in part.modules()
        if isinstance(block, TransformerBlock)
    ]
    with torch.autocast('cpu', dtype), torch.no_grad():
        model.predict_cells(images, mask)
    for hook in hooks:
        hook.remove()
    return found


class MixingContract:
    """Tests of an encoder in a ``MaskedImageModel`` with ``MixMAENeck``.

    Attributes:
        cell: side of a cell in pixels.
        sizes: image sizes, (height, width) in pixels.
        positions_promote: whether positions make the residual stream of the
            first stage float32 under autocast.
    """

    cell = 16
    positions_promote = True
    sizes = [(64, 64), (64, 96), (112, 48)]

    def model(self, **changes):
        raise AssertionError('subclasses build their model here')

    def batch(self, size=(64, 64), images=3, **mask):
        height, width = size
        return (
            random_images(images, height, width),
            random_mask(height, width, cell=self.cell, **mask),
        )

    def test_pairing_does_not_matter(self):
        """No prediction depends on the choice of the partner image."""
        model = self.model().eval()
        for size in self.sizes:
            images, mask = self.batch(size, images=5)
            order = torch.tensor([3, 0, 4, 1, 2])
            torch.testing.assert_close(
                predict(model, images[order], mask),
                predict(model, images, mask)[order],
                **CLOSE,
            )

    def test_a_batch_of_one_is_exact(self):
        model = self.model().eval()
        images, mask = self.batch(images=3)
        alone = torch.cat([predict(model, x[None], mask) for x in images])
        torch.testing.assert_close(
            alone, predict(model, images, mask), **CLOSE
        )

    def test_hidden_pixels_never_reach_their_own_prediction(self):
        """Bit-equal predictions for any pixels of the hidden cell."""
        model = self.model().eval()
        for size in self.sizes:
            images, mask = self.batch(size)
            before = predict(model, images, mask)
            hidden = mask.at_stride(1)[:, None]
            for cells in (hidden, ~hidden):
                changed = images + cells * torch.randn_like(images)
                own = cells[0, 0, :: self.cell, :: self.cell].flatten()
                after = predict(model, changed, mask)
                assert torch.equal(after[:, own], before[:, own])
                assert not torch.equal(after[:, ~own], before[:, ~own])

    def test_without_masked_attention_images_meet(self):
        """Control: the ablation fails the test above."""
        model = self.model(neck={'masked_attention': False}).eval()
        images, mask = self.batch(images=2)
        hidden = mask.at_stride(1)[:, None]
        own = mask.hidden.flatten()
        changed = images + hidden * torch.randn_like(images)
        before, after = (predict(model, x, mask) for x in (images, changed))
        assert not torch.equal(after[:, own], before[:, own])

    def test_a_mask_per_image_is_the_same_mathematics(self):
        model = self.model().eval()
        for size in self.sizes:
            images, masks = self.batch(size, batch=3)
            alone = [
                predict(
                    model, image[None], type(masks)(hidden[None], self.cell)
                )
                for image, hidden in zip(images, masks.hidden, strict=True)
            ]
            torch.testing.assert_close(
                predict(model, images, masks), torch.cat(alone), **CLOSE
            )

    def test_plain_path_agrees(self):
        """Sorting tokens by group changes the order of sums only."""
        fast = self.model()
        plain = self.model(backbone={'sort_groups': False})
        for size in self.sizes:
            images, mask = self.batch(size)
            losses = []
            for model in (fast, plain):
                model.zero_grad()
                losses.append(model.loss(images, mask)['loss'])
                losses[-1].backward()
            torch.testing.assert_close(*losses, rtol=1e-6, atol=0)
            for a, b in zip(
                fast.parameters(), plain.parameters(), strict=True
            ):
                torch.testing.assert_close(a.grad, b.grad, **CLOSE)

    def test_checkpointing_changes_nothing(self):
        images, mask = self.batch()
        gradients = []
        for with_cp in (False, True):
            model = self.model(backbone={'with_cp': with_cp})
            model.loss(images, mask)['loss'].backward()
            gradients.append([p.grad for p in model.parameters()])
        for a, b in zip(*gradients, strict=True):
            assert torch.equal(a, b)

    def test_every_parameter_learns(self):
        model = self.model()
        model.loss(*self.batch(images=1))['loss'].backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name

    @pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
    def test_autocast_is_finite_and_close(self, dtype):
        model = self.model()
        images, mask = self.batch()
        exact = model.loss(images, mask)['loss']
        with torch.autocast('cpu', dtype):
            loss = model.loss(images, mask)['loss']
        loss.backward()
        assert loss.dtype == torch.float32
        # As in the official code, positions and mask token promote their
        # streams, patch merging makes those of later stages 16-bit.
        parts = [model.neck.decoder]
        if self.positions_promote:
            parts.append(model.backbone.stages[0])
        found = stream_dtypes(parts, model, images, mask, dtype)
        assert found == {torch.float32}
        torch.testing.assert_close(loss, exact, rtol=0.03, atol=0)
        for parameter in model.parameters():
            assert parameter.grad.isfinite().all()
