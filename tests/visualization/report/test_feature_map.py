import numpy as np
import torch

from mixmae.visualization.report.feature_map import feature_map


def test_neighbours_are_the_most_similar(monkeypatch):
    # Two groups of directions; lengths must not matter.
    features = torch.eye(2).repeat(4, 1) * torch.arange(1, 9)[:, None]
    features += 0.01 * torch.rand(8, 2)
    pictures = [np.zeros((8, 10, 3), np.uint8)] * 8
    found = feature_map(features, pictures)
    for query, *others in found['neighbours']:
        assert query not in others
        assert all(other % 2 == query % 2 for other in others[:3])
    for points in found['points'].values():
        assert np.asarray(points).min() == 0
        assert np.asarray(points).max() == 1
    # The groups are apart on the map.
    first = np.asarray(found['points']['PCA'])[:, 0]
    assert abs(first[::2].mean() - first[1::2].mean()) > 0.9


def test_features_without_spread():
    pictures = [np.zeros((8, 8, 3), np.uint8)] * 3
    found = feature_map(torch.ones(3, 1), pictures)
    assert np.isfinite(found['points']['PCA']).all()
