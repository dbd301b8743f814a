"""Linear classifiers on frozen features: of images, and of pixels (dense)."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Candidate penalties for standardised features, from strong to weak.
PENALTIES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


class LinearProbeResult(NamedTuple):
    """Result of a linear probe."""

    accuracy: float
    """Share of test labels found, 0..1."""
    penalty: float
    """The L2 penalty chosen on the held-out part of the train features."""
    predicted: Tensor
    """(M,) predicted labels of the test features."""


def fit_logistic(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    penalty: float,
    start: Tensor | None = None,
) -> Tensor:
    """Fit a multinomial logistic regression by L-BFGS.

    Minimises the mean cross-entropy + ``penalty / 2 * |weights|^2`` (biases
    are not penalised) over the full batch: deterministic, no learning rate.

    Args:
        features: (N, D) float64, standardised.
        labels: (N,).
        num_classes: Number of classes K.
        penalty: L2 penalty.
        start: Initial weights; zeros if None.

    Returns:
        (K, D + 1) weights, the bias last.
    """
    if start is None:
        start = features.new_zeros(num_classes, features.shape[1] + 1)
    weights = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weights],
        # Usually fewer suffice.
        max_iter=200,
        tolerance_grad=1e-6,
        tolerance_change=1e-10,
        line_search_fn='strong_wolfe',
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(_logits(weights, features), labels)
        loss = loss + penalty / 2 * weights[:, :-1].square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return weights.detach()


def _logits(weights: Tensor, features: Tensor) -> Tensor:
    return features @ weights[:, :-1].T + weights[:, -1]


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(1) == labels).double().mean())


def linear_probe(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    penalties: Sequence[float] = PENALTIES,
    holdout: float = 0.2,
    seed: int = 0,
) -> LinearProbeResult:
    """Train a linear classifier on frozen features and test it.

    Features are standardised by mean and standard deviation of the train
    features. The penalty is selected on a held-out part of the *train*
    features (the test labels are never used), then all of them are fitted.

    Args:
        train_features: (N, D).
        train_labels: (N,), classes counted from 0.
        test_features: (M, D).
        test_labels: (M,).
        penalties: Candidate L2 penalties.
        holdout: Fraction of the train features held out, 0..1.
        seed: Seed of the held-out selection.

    Raises:
        ValueError: There are too few train features to hold some out.
    """
    held = round(len(train_features) * holdout)
    if not 0 < held < len(train_features):
        raise ValueError(
            f'a holdout of {holdout} of {len(train_features)} train features '
            'leaves no features to fit or none to choose by; give more'
        )
    x = train_features.double()
    mean, deviation = x.mean(0), x.std(0).clamp(min=1e-8)
    x = (x - mean) / deviation
    x_test = (test_features.double() - mean) / deviation
    num_classes = int(max(train_labels.max(), test_labels.max())) + 1

    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator).to(x.device)
    out, kept = order[:held], order[held:]
    weights, best, chosen = None, -1.0, penalties[0]
    for penalty in penalties:
        weights = fit_logistic(
            x[kept], train_labels[kept], num_classes, penalty, weights
        )
        score = _accuracy(_logits(weights, x[out]), train_labels[out])
        # On a tie the first, stronger penalty is kept.
        if score > best:
            best, chosen = score, penalty
    weights = fit_logistic(x, train_labels, num_classes, chosen)
    logits = _logits(weights, x_test)
    accuracy = _accuracy(logits, test_labels)
    return LinearProbeResult(accuracy, chosen, logits.argmax(1))


IGNORE = 255


class DenseProbeResult(NamedTuple):
    """Result of a dense linear probe."""

    miou: float
    """Mean intersection over union of the classes that occur, 0..1."""
    pixel_accuracy: float
    """Share of labelled pixels found, 0..1."""
    class_iou: Tensor
    """(K,) per class; NaN where neither truth nor prediction has it."""


class DenseLinear(nn.Module):
    """One linear layer per feature map; their logits are summed.

    This equals a single linear layer on the concatenation of all maps
    upsampled to the resolution of the labels, because upsampling and linear
    layers commute; this order needs far less memory. Maps are standardised
    per channel.
    """

    def __init__(self, maps: Sequence[Tensor], num_classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for i, feature_map in enumerate(maps):
            statistics = feature_map.float()
            mean = statistics.mean(dim=(0, 2, 3), keepdim=True)
            deviation = statistics.std(dim=(0, 2, 3), keepdim=True)
            self.register_buffer(f'mean{i}', mean)
            self.register_buffer(f'deviation{i}', deviation.clamp(min=1e-6))
            layer = nn.Conv2d(feature_map.shape[1], num_classes, 1)
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
            self.layers.append(layer)

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
        """(B, C_i, H_i, W_i) maps -> (B, K, height, width) logits."""
        logits = []
        for i, (layer, feature_map) in enumerate(
            zip(self.layers, maps, strict=True)
        ):
            mean = self.get_buffer(f'mean{i}')
            deviation = self.get_buffer(f'deviation{i}')
            coarse = layer((feature_map.float() - mean) / deviation)
            logits.append(
                F.interpolate(
                    coarse, size, mode='bilinear', align_corners=False
                )
            )
        return functools.reduce(torch.add, logits)


def confusion_matrix(
    predicted: Tensor, labels: Tensor, num_classes: int
) -> Tensor:
    """Return (K, K) counts, rows = truth; pixels labelled 255 are ignored."""
    known = labels != IGNORE
    pairs = labels[known].long() * num_classes + predicted[known]
    counts = torch.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def intersection_over_union(confusion: Tensor) -> Tensor:
    """Return (K,) IoU of a confusion matrix; NaN for absent classes."""
    hits = confusion.diagonal().double()
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    return hits / torch.where(union > 0, union.double(), torch.nan)


def dense_linear_probe(
    train_maps: Sequence[Tensor],
    train_labels: Tensor,
    test_maps: Sequence[Tensor],
    test_labels: Tensor,
    num_classes: int,
    epochs: int = 20,
    batch_size: int = 16,
    lr: float = 1e-2,
    weight_decay: float = 1e-4,
    seed: int = 0,
) -> DenseProbeResult:
    """Train a per-token linear classifier on frozen maps and test it.

    Logits are upsampled bilinearly to the resolution of the labels. AdamW
    with a cosine schedule; zero initial weights and a fixed seed make it
    deterministic. All tensors must be on one device.

    Args:
        train_maps: One (N, C_i, H_i, W_i) per stage of the backbone.
        train_labels: (N, H, W) class indices; 255 = ignored.
        test_maps: One (M, C_i, H_i, W_i) per stage.
        test_labels: (M, H, W).
        num_classes: Number of classes K.
        seed: Seed of the order of images.

    Raises:
        ValueError: A label is neither below ``num_classes`` nor 255.
    """
    known = train_labels[train_labels != IGNORE]
    if known.numel() and int(known.max()) >= num_classes:
        raise ValueError(
            f'a label is {int(known.max())}, but num_classes is '
            f'{num_classes}: labels count from 0, {IGNORE} is ignored'
        )
    device = train_labels.device
    probe = DenseLinear(train_maps, num_classes).to(device)
    optimizer = torch.optim.AdamW(
        probe.parameters(), lr=lr, weight_decay=weight_decay
    )
    steps = epochs * -(-len(train_labels) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    generator = torch.Generator().manual_seed(seed)
    size = (train_labels.shape[1], train_labels.shape[2])
    for _ in range(epochs):
        order = torch.randperm(len(train_labels), generator=generator)
        for index in order.split(batch_size):
            logits = probe([maps[index] for maps in train_maps], size)
            loss = F.cross_entropy(
                logits, train_labels[index].long(), ignore_index=IGNORE
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    confusion = torch.zeros(num_classes, num_classes, dtype=torch.long)
    size = (test_labels.shape[1], test_labels.shape[2])
    with torch.no_grad():
        for index in torch.arange(len(test_labels)).split(batch_size):
            logits = probe([maps[index] for maps in test_maps], size)
            confusion += confusion_matrix(
                logits.argmax(1), test_labels[index], num_classes
            ).cpu()
    iou = intersection_over_union(confusion)
    accuracy = float(confusion.diagonal().sum() / confusion.sum())
    return DenseProbeResult(float(iou.nanmean()), accuracy, iou)
