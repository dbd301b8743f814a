import numpy as np
import pytest
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


def test_t_sne_needs_features_that_differ(monkeypatch):
    """Ten of them, where scikit-learn is installed."""
    monkeypatch.setattr('importlib.util.find_spec', lambda name: name)
    layouts = []
    monkeypatch.setattr(
        'mixmae.visualization.report.feature_map._tsne',
        lambda units: layouts.append(len(units)) or units[:, :2],
    )
    generator = torch.Generator().manual_seed(0)
    different = torch.randn(12, 4, generator=generator)
    pictures = [np.zeros((8, 8, 3), np.uint8)] * 12
    for features in (
        torch.zeros(12, 4),
        torch.ones(12, 4),
        different[:, :1],
        different[:9].repeat(2, 1)[:12],
    ):
        points = feature_map(features, pictures)['points']
        assert set(points) == {'PCA'}
        assert np.isfinite(points['PCA']).all()
    assert set(feature_map(different, pictures)['points']) == {'PCA', 't-SNE'}
    assert layouts == [12]


def test_t_sne_keeps_groups_apart():
    pytest.importorskip('sklearn', reason='an extra: pip install scikit-learn')
    generator = torch.Generator().manual_seed(0)
    features = torch.eye(8)[:2].repeat(20, 1)
    features += 0.05 * torch.randn(40, 8, generator=generator)
    pictures = [np.zeros((8, 8, 3), np.uint8)] * 40
    points = np.asarray(feature_map(features, pictures)['points']['t-SNE'])
    # The nearest other point is of the same group.
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(1)
    assert (nearest % 2 == np.arange(40) % 2).all()
