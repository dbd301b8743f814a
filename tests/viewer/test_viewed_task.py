"""Predictions of classifiers, detectors and segmentors in a viewer."""

import pytest

from mixmae.viewer.viewer import viewed_network
from tests.apis.own_data import write_backbone
from tests.full_tier import require_full_tier
from tests.viewer.served import served
from tests.viewer.task_checkpoints import RECIPES, task_checkpoint
from tests.viewer.test_viewer_server import file_address, png, post

pytestmark = pytest.mark.filterwarnings('ignore')
require_full_tier()


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    """A running viewer with a network of each task."""
    folder = tmp_path_factory.mktemp('tasks')
    with served(folder, *(task_checkpoint(folder, t) for t in RECIPES)) as one:
        yield one


def predicted(server, **request):
    """Results of the networks by kind."""
    status, found = post(server, '/predict', **{'seed': 0, **request})
    assert status == 200, found
    return {one['kind']: one for one in found}


@pytest.mark.parametrize('dropped', [False, True])
def test_classes_objects_and_label_maps(server, dropped):
    image = file_address(png(50, 70)) if dropped else 0
    found = predicted(server, image=image, score=0)
    assert set(found) == set(RECIPES)
    for result in found.values():
        assert set(result['views']) == set(result['titles'])
        for view in result['views'].values():
            assert view.startswith('data:image/')
        values = [row['value'] for row in result['rows']]
        assert values == sorted(values, reverse=True)
    for kind in ('classification', 'segmentation'):
        values = [row['value'] for row in found[kind]['rows']]
        assert sum(values) == pytest.approx(1, abs=1e-3)
    boxes = [row['box'] for row in found['detection']['rows']]
    for left, top, width, height in boxes:
        assert 0 <= left <= left + width <= 1 + 1e-6
        assert 0 <= top <= top + height <= 1 + 1e-6


def test_the_values_are_those_of_the_predictor(server):
    found = predicted(server, image=1)
    for network in server.viewer.networks:
        (result,) = network.predictor(server.viewer.folder.path(1))
        best = found[network.kind]['rows'][0]
        if network.kind == 'classification':
            expected = result['class'], result['score']
        elif network.kind == 'detection':
            label = result['labels'][result['scores'].argmax()]
            expected = (
                network.predictor.class_name(label),
                result['scores'].max(),
            )
        else:
            shares = [(result['labels'] == k).mean() for k in range(4)]
            name = network.predictor.class_name(shares.index(max(shares)))
            expected = name, max(shares)
        assert best['name'] == expected[0]
        assert best['value'] == pytest.approx(float(expected[1]), abs=1e-4)


def test_the_smallest_score(server):
    every = predicted(server, image=0, score=0)['detection']['rows']
    values = [row['value'] for row in every]
    # Values are rounded: between the two that differ most.
    gap = max(range(len(values) - 1), key=lambda i: values[i] - values[i + 1])
    limit = (values[gap] + values[gap + 1]) / 2
    kept = predicted(server, image=0, score=limit)['detection']['rows']
    assert kept == [row for row in every if row['value'] >= limit]
    assert 0 < len(kept) < len(every)
    none = predicted(server, image=0, score=1)['detection']
    assert none['rows'] == []


@pytest.mark.parametrize('network', [0, 1, 2])
def test_features(server, network):
    request = dict(image=0, network=network)
    status, found = post(server, '/similarity', y=0, x=1, **request)
    assert status == 200
    assert found['image'].startswith('data:image/')
    # The folder is compared in the background.
    assert post(server, '/neighbours', **request)[0] == 200


def test_a_hostile_file_is_one_line(server):
    request = dict(image=file_address(b'<svg/>'), seed=0)
    status, found = post(server, '/predict', **request)
    assert status == 400
    assert 'given file' in found['error'] and '/tmp' not in found['error']
    assert '\n' not in found['error']


def test_a_bare_backbone_is_refused(tmp_path):
    path = write_backbone(tmp_path / 'backbone.safetensors')
    with pytest.raises(ValueError, match='bare backbone'):
        viewed_network(path, 'cpu')
