import copy

import pytest
import torch
from torch import nn

from mixmae.evaluation.few_labels import (
    few_labels,
    fine_tune,
    parameter_groups,
    random_crops,
)


class TinyBackbone(nn.Module):
    """Backbone of two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1)
        )

    def forward(self, images):
        return (self.layers(images),)


def coloured(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 80, (count, 3, 8, 8), generator=generator)
    labels = torch.arange(count) % 3
    images[torch.arange(count), labels] += 120
    return images.to(torch.uint8), labels


def normalise(images):
    return (images - 127.5) / 64


def test_learns_without_touching_the_backbone():
    torch.manual_seed(0)
    backbone = TinyBackbone()
    before = copy.deepcopy(backbone.state_dict())
    arguments = (backbone, 16, coloured(24, 0), coloured(30, 1), 3, normalise)
    seen: list[int] = []
    accuracy = fine_tune(
        *arguments, epochs=12, batch_size=8, lr=1e-2, on_epoch=seen.append
    )
    assert accuracy > 0.9
    assert seen == list(range(1, 13))
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, before[name])
    # Deterministic whatever the global random state is.
    torch.manual_seed(99)
    again = fine_tune(*arguments, epochs=12, batch_size=8, lr=1e-2)
    assert again == accuracy


def test_crops_keep_the_size_and_the_range():
    images = torch.rand(6, 3, 12, 20)
    crops = random_crops(images, torch.Generator().manual_seed(0))
    assert crops.shape == images.shape
    assert crops.min() >= 0 and crops.max() <= 1
    whole = random_crops(
        images, torch.Generator().manual_seed(0), (1.0, 1.0), (1.0, 1.0)
    )
    for crop, image in zip(whole, images, strict=True):
        mirrored = image.flip(-1)
        assert torch.allclose(crop, image, atol=1e-5) or torch.allclose(
            crop, mirrored, atol=1e-5
        )


def test_only_matrices_decay():
    decayed, flat = parameter_groups(TinyBackbone(), 0.05)
    assert decayed['weight_decay'] == 0.05 and flat['weight_decay'] == 0
    assert all(p.ndim > 1 for p in decayed['params'])
    assert len(flat['params']) == 2


def test_few_labels_are_balanced():
    labels = torch.tensor([0, 1] * 10 + [2] * 4)
    chosen = few_labels(labels, 4, seed=1)
    assert labels[chosen].bincount().tolist() == [4, 4, 4]
    assert len(chosen.unique()) == 12
    assert not torch.equal(chosen, few_labels(labels, 4, seed=2))
    with pytest.raises(ValueError, match='class 2 has 4 images'):
        few_labels(labels, 5)
