from mixmae.datasets.scenes.renderer import SceneRenderer
from mixmae.datasets.scenes.scene_set import SceneSet
from mixmae.datasets.scenes.scene_split import SceneSplit


def test_images_have_their_labels(tmp_path):
    SceneSet(size=32, train=12, val=11).write(tmp_path)
    renderer = SceneRenderer(32, 0, 'val')
    split = SceneSplit(tmp_path, 'val', dense=5)
    assert split.images.shape == (11, 3, 32, 32)
    assert split.pixel_labels.shape == (5, 16, 16)
    for i in (0, 4, 10):
        scene = renderer.render(i)
        pixels = split.images[i].flip(0).permute(1, 2, 0).numpy()
        assert (pixels == scene.image).all()
        assert split.labels[i] == scene.label
    labels = renderer.render(4).label_map()[::2, ::2]
    assert (split.pixel_labels[4].numpy() == labels).all()
