"""k-nearest-neighbour classification of features."""

import torch
import torch.nn.functional as F
from torch import Tensor

# As in the evaluations of DINO (arXiv 2104.14294).
NEIGHBOURS = 20
TEMPERATURE = 0.07


def knn_votes(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
    chunk: int = 1024,
) -> Tensor:
    """Return the weighted votes of k neighbours of each test feature.

    Neighbours are nearest by cosine similarity s and vote with weight
    exp(s / temperature), the protocol of Wu et al., "Unsupervised Feature
    Learning via Non-Parametric Instance Discrimination" (2018).

    Args:
        train_features: (N, D).
        train_labels: (N,), classes counted from 0.
        test_features: (M, D).
        k: Number of neighbours; all N if there are fewer.
        temperature: Smaller values give the nearest neighbours more weight.
        chunk: Test features compared at once; affects only memory.

    Returns:
        (M, K) fractions of the votes for each of the K classes up to the
        largest train label; each row sums to 1.
    """
    train = F.normalize(train_features.float(), dim=1)
    num_classes = int(train_labels.max()) + 1
    k = min(k, len(train))
    shares = []
    for block in test_features.float().split(chunk):
        similarity = F.normalize(block, dim=1) @ train.T
        nearest, index = similarity.topk(k, dim=1)
        # The largest exponent is 0, so small temperatures cannot overflow.
        weights = ((nearest - nearest[:, :1]) / temperature).exp()
        votes = weights.new_zeros(len(block), num_classes)
        votes.scatter_add_(1, train_labels[index], weights)
        shares.append(votes / weights.sum(dim=1, keepdim=True))
    return torch.cat(shares)


def knn_accuracy(
    train_features: Tensor,
    train_labels: Tensor,
    test_features: Tensor,
    test_labels: Tensor,
    k: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> float:
    """Return the accuracy (0..1) of the most votes; see ``knn_votes``."""
    votes = knn_votes(
        train_features, train_labels, test_features, k, temperature
    )
    return float((votes.argmax(dim=1) == test_labels).double().mean())


def whitened(
    train_features: Tensor, test_features: Tensor, floor: float = 1e-3
) -> tuple[Tensor, Tensor]:
    """Give features zero mean and about equal variance in all directions.

    Features of masked pretraining vary most in a few directions, brightness
    and colour among them, and these decide which neighbours are nearest by
    cosine similarity. Mean and covariance are those of the training features;
    no labels are used. Call it before ``knn_accuracy``; no training does.

    Args:
        train_features: (N, D).
        test_features: (M, D).
        floor: Added to the variances, as a share of the largest one, so that
            directions without information are not amplified.

    Returns:
        (N, D) and (M, D), float32.
    """
    exact = train_features.double()
    mean = exact.mean(0)
    variances, axes = torch.linalg.eigh(torch.cov((exact - mean).T))
    largest = variances[-1].clamp(min=torch.finfo(torch.float32).tiny)
    scaled = axes * (variances.clamp(min=0) + floor * largest).rsqrt()
    train, test = (
        ((x.double() - mean) @ scaled).float()
        for x in (train_features, test_features)
    )
    return train, test
