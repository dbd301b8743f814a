import pytest
import torch

from mixmae.evaluation.linear_probe import fit_logistic, linear_probe


def clusters(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    centres = torch.eye(3, 10) * 3
    noise = torch.randn(count, 10, generator=generator)
    # Very different units per feature: standardising copes with them.
    return (centres[labels] + noise) * 10.0 ** torch.arange(-5, 5), labels


def test_separable_features_are_learnt_deterministically():
    train, test = clusters(120, 0), clusters(90, 1)
    result = linear_probe(*train, *test)
    assert result.accuracy > 0.9
    again = linear_probe(*train, *test)
    assert again.accuracy == result.accuracy
    assert torch.equal(again.predicted, result.predicted)


def test_noise_gives_chance_accuracy():
    generator = torch.Generator().manual_seed(0)
    train = torch.randn(200, 20, generator=generator)
    test = torch.randn(500, 20, generator=generator)
    labels = torch.randint(0, 4, (700,), generator=generator)
    result = linear_probe(train, labels[:200], test, labels[200:])
    assert 0.15 < result.accuracy < 0.35


def test_fit_is_the_optimum():
    features, labels = clusters(60, 0)
    x = features.double()
    x = (x - x.mean(0)) / x.std(0)
    weights = fit_logistic(x, labels, 3, 0.1)
    # At the optimum the gradient of loss and penalty vanishes.
    probability = (x @ weights[:, :-1].T + weights[:, -1]).softmax(1)
    error = probability - torch.eye(3)[labels]
    gradient = error.T @ x / len(x) + 0.1 * weights[:, :-1]
    assert gradient.abs().max() < 1e-5
    assert error.mean(0).abs().max() < 1e-5


def test_test_labels_do_not_choose_the_penalty():
    train, test = clusters(60, 0), clusters(30, 1)
    first = linear_probe(*train, *test)
    other = linear_probe(*train, test[0], test[1].flip(0))
    assert first.penalty == other.penalty
    assert torch.equal(first.predicted, other.predicted)


def test_too_few_features_are_an_error():
    features, labels = clusters(2, 0)
    with pytest.raises(ValueError, match='holdout of 0.2 of 2'):
        linear_probe(features, labels, features, labels)
