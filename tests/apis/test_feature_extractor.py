import numpy as np
import pytest
import torch

from mixmae.apis import FeatureExtractor, ReconstructionInferencer
from mixmae.apis.trained_network import network_config
from mixmae.checkpoints.conversion.bare_backbone import from_bare, to_bare
from mixmae.checkpoints.conversion.conversion import Source, read_source
from tests.apis.tiny_setup import photo, photo_folder, tiny_checkpoint

QUIET = dict(progress=False)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp('weights') / 'epoch_1.pth')


@pytest.fixture(scope='module')
def extract(checkpoint):
    return FeatureExtractor(None, checkpoint, 'cpu', stages=(0, 1))


def expected_maps(extract, image):
    """Compute the maps directly: RGB images, mean and std applied."""
    mean = torch.tensor([120.0, 110.0, 90.0])
    normalised = (torch.from_numpy(image.copy()) - mean) / 64.0
    with torch.no_grad():
        return extract.backbone(normalised.permute(2, 0, 1)[None])


def test_images_keep_their_size(extract):
    sizes = [(32, 32), (29, 45), (32, 32), (7, 90), (32, 32)]
    images = [photo(*size, seed=i) for i, size in enumerate(sizes)]
    options = dict(channel_order='rgb', **QUIET)
    maps = extract(images, batch_size=2, pool=False, **options)
    pooled = extract(images, batch_size=2, **options)
    tensors = extract(images, batch_size=5, return_as='tensor', **options)
    for i, image in enumerate(images):
        assert maps[i]['size'] == pooled[i]['size'] == sizes[i]
        assert (pooled[i]['index'], pooled[i]['name']) == (i, f'image_{i}')
        for stage, wanted in enumerate(expected_maps(extract, image)):
            found = maps[i]['features'][stage]
            assert isinstance(found, np.ndarray)
            torch.testing.assert_close(torch.from_numpy(found), wanted[0])
            mean = wanted[0].mean((1, 2))
            vector = torch.from_numpy(pooled[i]['features'][stage])
            torch.testing.assert_close(vector, mean)
            torch.testing.assert_close(tensors[i]['features'][stage], mean)


def test_channel_order_counts(extract):
    image = photo(32, 32)
    rgb, bgr, wrong = (
        extract(given, channel_order=order, **QUIET)[0]['features'][1]
        for given, order in (
            (image, 'rgb'),
            (image[..., ::-1], 'bgr'),
            (image, 'bgr'),
        )
    )
    assert np.array_equal(rgb, bgr)
    assert not np.allclose(rgb, wrong, atol=1e-3)


def test_files_are_resized_only_on_request(extract, tmp_path):
    photo_folder(tmp_path, ((40, 48), (30, 60)))
    sizes = {
        str(resize): [
            result['size']
            for result in extract(str(tmp_path), resize=resize, **QUIET)
        ]
        for resize in (None, 'pipeline', 24, (16, 20))
    }
    assert sizes == {
        'None': [(40, 48), (30, 60)],
        'pipeline': [(32, 32)] * 2,
        '24': [(24, 24)] * 2,
        '(16, 20)': [(16, 20)] * 2,
    }


def test_stages_of_the_config_are_the_default(checkpoint):
    extract = FeatureExtractor(None, checkpoint, 'cpu')
    assert extract.stages == (1,)
    (result,) = extract(photo(32, 32), channel_order='rgb', **QUIET)
    assert {k: v.shape for k, v in result['features'].items()} == {1: (16,)}


def test_iterate_reads_only_what_it_needs(extract, tmp_path):
    paths = photo_folder(tmp_path)
    paths[-1].write_bytes(b'nothing')
    results = extract.iterate(str(tmp_path), batch_size=1, **QUIET)
    assert next(results)['name'] == str(paths[0])
    assert next(results)['name'] == str(paths[1])
    with pytest.raises(ValueError, match=paths[-1].name):
        next(results)


def test_invalid_arguments(extract):
    with pytest.raises(ValueError, match='return_as must be one of'):
        extract(photo(8, 8), channel_order='rgb', return_as='sample')
    for size in (0, 2.5, '4', None):
        with pytest.raises(
            ValueError, match='batch_size must be an integer of at least 1'
        ):
            extract(photo(8, 8), channel_order='rgb', batch_size=size)


@pytest.mark.parametrize('stages', [1, '01', (0.0,), ['1']])
def test_refuses_stages_that_are_no_list_of_numbers(checkpoint, stages):
    with pytest.raises(
        ValueError, match=r'stages must be a sequence of integers'
    ):
        FeatureExtractor(None, checkpoint, 'cpu', stages)
    given = FeatureExtractor(None, checkpoint, 'cpu', np.array([0]))
    assert given.stages == (0,)


@pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
def test_converted_checkpoints_are_complete(checkpoint, tmp_path, suffix):
    """Both formats, with BGR networks, give the maps of the original."""
    source = read_source(checkpoint)
    model = source.model
    model['data_preprocessor']['to_rgb'] = suffix == 'pth'
    source = Source(source.path, source.state, model)
    bare, path = tmp_path / 'bare.safetensors', tmp_path / f'a.{suffix}'
    to_bare(source).write(bare)
    if suffix == 'pth':
        from_bare(read_source(bare)).write(path)
    else:
        path = bare
    image = photo(32, 40)
    options = dict(channel_order='rgb', **QUIET)
    found = FeatureExtractor(None, path, 'cpu')(image, **options)
    config = network_config(None, checkpoint)
    config.model.data_preprocessor.to_rgb = suffix == 'pth'
    wanted = FeatureExtractor(config, checkpoint, 'cpu')(image, **options)
    assert found[0]['features'].keys() == wanted[0]['features'].keys() == {1}
    np.testing.assert_array_equal(
        found[0]['features'][1], wanted[0]['features'][1]
    )
    with pytest.raises(
        ValueError, match='not completely described; pass the config'
    ):
        ReconstructionInferencer(None, path, 'cpu')
