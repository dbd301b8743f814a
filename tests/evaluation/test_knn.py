import torch

from mixmae.evaluation.knn import (
    knn_accuracy,
    knn_votes,
    whitened,
)


def test_votes_are_weighted_by_similarity():
    train = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]])
    labels = torch.tensor([0, 1, 1])
    query = torch.tensor([[2.0, 0.2]])
    # One near neighbour outvotes two far ones, unless votes are equal.
    assert knn_votes(train, labels, query, k=3).argmax() == 0
    flat = knn_votes(train, labels, query, k=3, temperature=1e3)
    assert flat.argmax() == 1


def test_cosine_ignores_length_and_chunks_do_not_matter():
    torch.manual_seed(0)
    train, query = torch.randn(50, 8), torch.randn(31, 8)
    labels = torch.randint(0, 4, (50,))
    expected = knn_votes(train, labels, query, k=5)
    scaled = knn_votes(train * 7, labels, query * 0.1, k=5, chunk=4)
    torch.testing.assert_close(expected, scaled)


def test_votes_are_shares():
    train = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]])
    labels = torch.tensor([0, 2, 2])
    votes = knn_votes(train, labels, train[:1], k=3, temperature=0.4)
    # Similarities 1, 0.6 and 0.6: the far ones weigh 1/e each.
    far = 2 / torch.e
    expected = torch.tensor([[1.0, 0.0, far]]) / (1 + far)
    torch.testing.assert_close(votes, expected)


def test_small_temperatures_do_not_overflow():
    train = torch.eye(3)
    labels = torch.arange(3)
    accuracy = knn_accuracy(train, labels, train, labels, 20, 1e-4)
    assert accuracy == 1.0


def test_whitened_features_have_equal_variance():
    torch.manual_seed(0)
    mixing = torch.randn(5, 5) * torch.tensor([1.0, 5.0, 20.0, 1.0, 3.0])
    train = torch.randn(4000, 5) @ mixing + 7
    test = torch.randn(300, 5) @ mixing + 7
    white, of_test = whitened(train, test, floor=0)
    torch.testing.assert_close(
        torch.cov(white.T), torch.eye(5), atol=1e-3, rtol=0
    )
    # Both are mapped in the same way.
    both, _ = whitened(train, train[:300], floor=0)
    torch.testing.assert_close(both, white)
    assert of_test.mean(0).abs().max() < 0.3
    # A constant direction adds nothing, with or without an offset.
    wider = [
        torch.cat([x, torch.full_like(x[:, :1], 3)], 1) for x in (train, test)
    ]
    again, _ = whitened(*wider)
    floored, _ = whitened(train, test)
    # Up to rotations: the same inner products.
    torch.testing.assert_close(
        again @ again[:9].T, floored @ floored[:9].T, atol=1e-3, rtol=1e-3
    )


def test_whitening_finds_what_a_strong_direction_hides():
    """Neighbours by a weak class direction below a strong random one."""
    torch.manual_seed(0)
    labels = torch.arange(600) % 2
    features = torch.stack(
        [20 * torch.randn(600), labels + 0.1 * torch.randn(600)], dim=1
    )
    train, test = features[:400], features[400:]
    known, truth = labels[:400], labels[400:]
    assert knn_accuracy(train - train.mean(0), known, test, truth) < 0.8
    white, of_test = whitened(train, test)
    assert knn_accuracy(white, known, of_test, truth) > 0.95
