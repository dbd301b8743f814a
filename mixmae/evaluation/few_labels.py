"""Fine-tuning of all layers on a few labels."""

import copy
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Normalise = Callable[[Tensor], Tensor]


def random_crops(
    images: Tensor,
    generator: torch.Generator,
    scale: tuple[float, float] = (0.4, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Crop each image at random, resize to the image's size, and flip.

    Args:
        images: (B, 3, H, W) float.
        generator: CPU generator; draws scale, ratio, position and flip.
        scale: Range of a crop's area relative to the image's.
        ratio: Range of a crop's aspect ratio, drawn log-uniformly.

    Returns:
        (B, 3, H, W); bilinear, half of the images flipped horizontally.
    """
    batch = len(images)
    draw = torch.rand(5, batch, generator=generator)
    area = scale[0] + draw[0] * (scale[1] - scale[0])
    low, high = math.log(ratio[0]), math.log(ratio[1])
    aspect = (low + draw[1] * (high - low)).exp()
    width = (area * aspect).sqrt().clamp(max=1)
    height = (area / aspect).sqrt().clamp(max=1)
    mirror = torch.where(draw[4] < 0.5, -1.0, 1.0)
    # affine_grid maps output coordinates in -1..1 to input coordinates.
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = width * mirror
    theta[:, 1, 1] = height
    theta[:, 0, 2] = (2 * draw[2] - 1) * (1 - width)
    theta[:, 1, 2] = (2 * draw[3] - 1) * (1 - height)
    grid = F.affine_grid(
        theta.to(images.device), list(images.shape), align_corners=False
    )
    return F.grid_sample(
        images, grid, padding_mode='reflection', align_corners=False
    )


def cosine_factor(step: int, steps: int, warmup: int) -> float:
    """Return the factor (0..1] of the peak learning rate, steps from 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + math.cos(math.pi * progress))


class PooledClassifier(nn.Module):
    """Backbone, global average pooling, one linear layer."""

    def __init__(
        self, backbone: nn.Module, channels: int, num_classes: int
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised images -> (B, num_classes) logits."""
        return self.head(self.backbone(images)[-1].mean(dim=(2, 3)))


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Apply weight decay to weights, not to biases and norms (1-D)."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {
            'params': [p for p in trained if p.ndim > 1],
            'weight_decay': weight_decay,
        },
        {'params': [p for p in trained if p.ndim <= 1], 'weight_decay': 0.0},
    ]


@torch.no_grad()
def classifier_accuracy(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    normalise: Normalise,
    batch_size: int = 256,
) -> float:
    """Return the accuracy (0..1) on uncropped images."""
    model.eval()
    device = next(model.parameters()).device
    hits = 0
    for index in torch.arange(len(images)).split(batch_size):
        logits = model(normalise(images[index].to(device).float()))
        hits += int((logits.argmax(1).cpu() == labels[index].cpu()).sum())
    return hits / len(images)


def fine_tune(
    backbone: nn.Module,
    channels: int,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    num_classes: int,
    normalise: Normalise,
    epochs: int = 30,
    batch_size: int = 32,
    lr: float = 1e-3,
    weight_decay: float = 0.05,
    seed: int = 0,
    on_epoch: Callable[[int], None] | None = None,
) -> float:
    """Train a copy of a backbone with a linear head end to end.

    Pretrained and untrained backbones use the same recipe, so that both cost
    the same: AdamW, one learning rate for all layers, 10 % warm-up, cosine to
    0, random resized crops and flips, gradients clipped to norm 1.

    Args:
        backbone: Not changed; a copy is trained.
        channels: Channels of its last output.
        train: (N, 3, H, W) uint8 images and (N,) labels.
        test: Images and labels to measure the accuracy on, likewise.
        normalise: Converts float images in 0..255 to the backbone's inputs.
        seed: Seed of the head, the order, and the crops.
        on_epoch: Called with the number of finished epochs.

    Returns:
        Test accuracy 0..1 after the last epoch.
    """
    device = next(backbone.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    model = PooledClassifier(copy.deepcopy(backbone), channels, num_classes)
    nn.init.trunc_normal_(model.head.weight, std=0.02, generator=generator)
    nn.init.zeros_(model.head.bias)
    model.to(device)
    optimizer = torch.optim.AdamW(
        parameter_groups(model, weight_decay), lr=lr, betas=(0.9, 0.999)
    )
    images, labels = train
    steps = epochs * -(-len(images) // batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: cosine_factor(step, steps, steps // 10)
    )
    for epoch in range(epochs):
        model.train()
        order = torch.randperm(len(images), generator=generator)
        for index in order.split(batch_size):
            pixels = images[index].to(device).float()
            logits = model(normalise(random_crops(pixels, generator)))
            loss = F.cross_entropy(logits, labels[index].to(device))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        if on_epoch is not None:
            on_epoch(epoch + 1)
    return classifier_accuracy(model, test[0], test[1], normalise)


def few_labels(labels: Tensor, per_class: int, seed: int = 0) -> Tensor:
    """Return indices of ``per_class`` random images of each class.

    Raises:
        ValueError: A class has fewer images.
    """
    generator = torch.Generator().manual_seed(seed)
    chosen: list[Tensor] = []
    for label in labels.unique(sorted=True):
        members = (labels == label).nonzero().flatten().cpu()
        if len(members) < per_class:
            raise ValueError(
                f'class {int(label)} has {len(members)} images, fewer than '
                f'per_class={per_class}'
            )
        order = torch.randperm(len(members), generator=generator)
        chosen.append(members[order[:per_class]])
    return torch.cat(chosen)
