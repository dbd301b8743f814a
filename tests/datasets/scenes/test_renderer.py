"""Rendered scenes: deterministic, varied, consistent with annotations."""

import numpy as np
import pytest

from mixmae.datasets.scenes import CLASSES, SceneRenderer
from mixmae.datasets.scenes.renderer import DOMINANCE


@pytest.fixture(scope='module')
def scenes():
    renderer = SceneRenderer(64, seed=0)
    return [renderer.render(index) for index in range(60)]


def test_a_scene_depends_on_seed_split_and_index_only(scenes):
    again = SceneRenderer(64, seed=0).render(7)
    assert (again.image == scenes[7].image).all()
    assert (again.label_map() == scenes[7].label_map()).all()
    for other in (
        SceneRenderer(64, seed=1).render(7),
        SceneRenderer(64, seed=0, split='val').render(7),
        scenes[17],
    ):
        assert (other.image != scenes[7].image).mean() > 0.5


def test_a_larger_picture_shows_the_same_scene(scenes):
    large = SceneRenderer(128, seed=0).render(3)
    small = large.image.reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(small - scenes[3].image).mean() < 4
    # Of what is hidden all but a few pixels, only a large picture shows any.
    labels = [x.label for x in scenes[3].instances]
    assert set(labels) <= {x.label for x in large.instances}


def test_pictures_need_not_be_square():
    scene = SceneRenderer((48, 80)).render(0)
    assert scene.image.shape == (48, 80, 3)
    assert scene.label_map().shape == (48, 80)


def test_dominant_classes_alternate(scenes):
    labels = [scene.label for scene in scenes]
    assert labels == [index % len(CLASSES) for index in range(60)]


def test_the_dominant_object_is_clearly_the_largest(scenes):
    for scene in scenes:
        areas = sorted((x.area, x.label) for x in scene.instances)
        assert areas[-1][1] == scene.label
        if len(areas) > 1:
            assert areas[-1][0] >= DOMINANCE * areas[-2][0]


def test_masks_boxes_and_label_map_agree(scenes):
    for scene in scenes:
        assert scene.image.dtype == np.uint8
        masks = np.stack([x.mask for x in scene.instances])
        assert masks.sum(0).max() == 1
        labels = scene.label_map()
        assert ((labels > 0) == masks.any(0)).all()
        for instance in scene.instances:
            x, y, width, height = instance.box
            window = instance.mask[y : y + height, x : x + width]
            assert window.sum() == instance.area > 0
            assert (labels[instance.mask] == instance.label + 1).all()
            assert 0 < instance.visible_share <= 1


def test_scenes_have_clutter_and_occlusion(scenes):
    counts = [len(scene.instances) for scene in scenes]
    assert np.mean(counts) > 3
    shares = [x.visible_share for s in scenes for x in s.instances]
    assert 0.15 < np.mean(np.array(shares) < 0.95) < 0.7
    segmentations = [
        x.segmentation() for scene in scenes for x in scene.instances
    ]
    assert any(isinstance(x, dict) for x in segmentations)
    assert any(isinstance(x, list) for x in segmentations)


def test_backgrounds_are_smooth(scenes):
    """Noise cannot be predicted from its surroundings."""
    for scene in scenes[:20]:
        steps = np.abs(np.diff(scene.image.astype(int), axis=1)).max(-1)
        background = scene.label_map() == 0
        inner = background[:, 1:] & background[:, :-1]
        assert np.median(steps[inner]) <= 3


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(size=8), 'at least 16'),
        (dict(size=10**8), 'at most 4096'),
        (dict(size=(64, 10)), 'at least 16'),
        (dict(seed=-1), 'seed must be 0 or more, got -1'),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SceneRenderer(**arguments)
    with pytest.raises(ValueError, match='index must be 0 or more'):
        SceneRenderer().render(-1)
