import cv2
import numpy as np
import pytest
import torch

from mixmae.apis import ReconstructionInferencer
from mixmae.visualization.reconstruction_panel import predict_mixed, to_uint8
from tests.apis.tiny_setup import (
    photo,
    photo_folder,
    tiny_checkpoint,
    tiny_config,
)

QUIET = dict(progress=False)


@pytest.fixture(scope='module')
def infer(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'epoch_1.pth'
    return ReconstructionInferencer(None, tiny_checkpoint(path), 'cpu')


def test_predictions_equal_those_of_tools_test(infer):
    images = [photo(32, 32, seed) for seed in range(4)]
    samples = infer(images, channel_order='rgb', return_as='sample', **QUIET)
    data = {
        'inputs': [
            torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
            for image in images
        ]
    }
    expected = predict_mixed(infer.model, data)
    results = infer(images, channel_order='rgb', **QUIET)
    tensors = infer(
        images, channel_order='rgb', return_as='tensor', **QUIET
    )  # fmt: skip
    for i, one in enumerate(expected):
        assert torch.equal(samples[i]['sample'].mixed, one.mixed)
        assert results[i]['loss'] == one.loss == tensors[i]['loss']
        assert results[i]['mean_colour_loss'] == one.mean_colour_loss
        assert results[i]['cell'] == 8
        assert np.array_equal(results[i]['hidden'], one.hidden.numpy())
        for name in ('original', 'mixed', 'reconstruction'):
            assert torch.equal(tensors[i][name], one.get(name))
            pixels = to_uint8(one.get(name))
            assert np.array_equal(results[i][name], pixels)
        # RGB in, RGB out.
        assert np.array_equal(results[i]['original'], images[i])


def test_results_depend_on_the_seed_and_not_on_the_batch(infer):
    images = [photo(32, 32, i) for i in range(6)]
    images[1] = photo(48, 32, 9)
    options = dict(channel_order='rgb', resize=None, **QUIET)
    one = infer(images, batch_size=1, **options)
    three = infer(images, batch_size=3, **options)
    other = infer(images, batch_size=3, seed=1, **options)
    assert [result['index'] for result in three] == list(range(6))
    for a, b in zip(one, three, strict=True):
        assert np.array_equal(a['hidden'], b['hidden'])
        assert a['loss'] == pytest.approx(b['loss'], rel=1e-5)
        difference = np.abs(
            a['reconstruction'].astype(int) - b['reconstruction']
        )
        assert difference.max() <= 1
    assert three[1]['original'].shape == (48, 32, 3)
    assert any(
        not np.array_equal(a['hidden'], b['hidden'])
        for a, b in zip(three, other, strict=True)
    )


def test_files_go_through_the_pipeline_and_panels_are_written(infer, tmp_path):
    paths = photo_folder(tmp_path / 'in')
    results = infer(str(tmp_path / 'in'), out_dir=tmp_path / 'out', **QUIET)
    assert [result['name'] for result in results] == [str(p) for p in paths]
    for i, result in enumerate(results):
        assert result['original'].shape == (32, 32, 3)
        name = f'{i:06d}_{paths[i].stem}.png'
        assert result['panel'] == str(tmp_path / 'out' / name)
        drawn = cv2.imread(result['panel'])[..., ::-1]
        assert np.array_equal(drawn, infer.visualize([result], columns=1))
    files = {path.name for path in (tmp_path / 'out').iterdir()}
    assert len(files) == 3 and not any('partial' in name for name in files)


def test_visualize(infer):
    images = [photo(32, 32, seed) for seed in range(2)]
    options = dict(channel_order='rgb', **QUIET)
    forms = [
        infer.visualize(infer(images, return_as=kind, **options))
        for kind in ('numpy', 'tensor', 'sample')
    ]
    assert forms[0].dtype == np.uint8 and forms[0].shape[2] == 3
    assert np.array_equal(forms[1], forms[2])
    assert np.abs(forms[0].astype(int) - forms[1]).max() <= 1
    # Without a partner hidden cells are grey: 8 of 16, at 5 pixels each.
    alone = infer.visualize(infer(images[0], **options))
    assert (alone == 128).all(2).sum() >= 6 * 40 * 40
    both = infer(images, **options)
    both += infer(photo(48, 32), resize=None, **options)
    with pytest.raises(ValueError, match='images of one size'):
        infer.visualize(both)


def test_corrupt_files_are_named_or_skipped(infer, tmp_path, capsys):
    photo_folder(tmp_path)
    (tmp_path / 'a' / 'broken.png').write_bytes(b'nothing')
    with pytest.raises(ValueError, match='cannot read image .*broken.png'):
        infer(str(tmp_path), **QUIET)
    results = infer(str(tmp_path), skip_corrupt=True)
    assert [result['index'] for result in results] == [1, 2, 3]

    with pytest.raises(ValueError, match='none of the 1 images'):
        infer(tmp_path / 'a' / 'broken.png', skip_corrupt=True, **QUIET)


def test_invalid_arguments(infer, tmp_path):
    images = photo(33, 32)
    options = dict(channel_order='rgb', **QUIET)
    with pytest.raises(ValueError, match='image_0: image size 33x32 is not'):
        infer(images, resize=None, **options)
    with pytest.raises(
        ValueError, match='batch_size must be an integer of at least 1'
    ):
        infer(images, batch_size=0, **options)
    with pytest.raises(ValueError, match="an integer of at least 1, got '4'"):
        infer(images, batch_size='4', **options)
    file = tmp_path / 'file'
    file.touch()
    for folder in (file, file / 'deeper'):
        with pytest.raises(ValueError, match='out_dir .* but .*file is a fi'):
            infer(photo(32, 32), out_dir=folder, **options)
    with pytest.raises(ValueError, match='return_as must be one of'):
        infer(images, return_as='list', **options)
    cfg = tiny_config()
    cfg.model.data_preprocessor.masking = None
    with pytest.raises(ValueError, match='no masking'):
        ReconstructionInferencer(cfg, device='cpu')
