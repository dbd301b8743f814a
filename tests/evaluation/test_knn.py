import torch

from mixmae.evaluation.knn import knn_accuracy, knn_predict, knn_votes


def test_votes_are_weighted_by_similarity():
    train = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]])
    labels = torch.tensor([0, 1, 1])
    query = torch.tensor([[2.0, 0.2]])
    # One near neighbour outvotes two far ones, unless votes are equal.
    assert knn_predict(train, labels, query, k=3).item() == 0
    flat = knn_predict(train, labels, query, k=3, temperature=1e3)
    assert flat.item() == 1


def test_cosine_ignores_length_and_chunks_do_not_matter():
    torch.manual_seed(0)
    train, query = torch.randn(50, 8), torch.randn(31, 8)
    labels = torch.randint(0, 4, (50,))
    expected = knn_predict(train, labels, query, k=5)
    scaled = knn_predict(train * 7, labels, query * 0.1, k=5, chunk=4)
    assert torch.equal(expected, scaled)


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
