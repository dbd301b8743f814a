"""Linear classifier on frozen features."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

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
