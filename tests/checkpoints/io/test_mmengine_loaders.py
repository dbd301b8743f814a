import pytest
import torch
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import _load_checkpoint, load_from_local

from mixmae.checkpoints.io import mmengine_loaders, safe_load
from mixmae.checkpoints.io.mmengine_loaders import (
    load_from_file_or_url,
    load_only_safely,
)


class Trap:
    """Object that writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')


@pytest.fixture
def safe_mmengine(monkeypatch):
    schemes = dict(CheckpointLoader._schemes)
    monkeypatch.setattr(CheckpointLoader, '_schemes', schemes)
    load_only_safely()


def test_code_in_a_checkpoint_is_not_run(tmp_path, safe_mmengine):
    mark = tmp_path / 'ran'
    path = tmp_path / 'bad.pth'
    torch.save({'state_dict': {}, 'trap': Trap(str(mark))}, path)
    with pytest.raises(ValueError, match='bad.pth cannot be loaded safely'):
        _load_checkpoint(str(path), map_location='cpu')
    assert not mark.exists()


def test_mmengines_loader_would_run_code(tmp_path):
    # The reason for our loader; if this fails, it can be removed.
    mark = tmp_path / 'ran'
    path = tmp_path / 'bad.pth'
    torch.save({'state_dict': {}, 'trap': Trap(str(mark))}, path)
    try:
        load_from_local(str(path), 'cpu')
    finally:
        assert mark.exists()


def test_no_url_scheme_has_an_unsafe_loader(safe_mmengine):
    for scheme, loader in CheckpointLoader._schemes.items():
        module = loader.__module__
        assert module == 'mixmae.checkpoints.io.mmengine_loaders', scheme
    for path in ('pavi://a/b', 's3://bucket/x.pth', 'torchvision://no-such'):
        with pytest.raises(ValueError, match=path):
            _load_checkpoint(path)


def test_weights_by_name_are_loaded_safely(safe_mmengine, monkeypatch):
    fetched = []

    def load(url):
        fetched.append(url)
        state = {'backbone.x': torch.ones(1), 'head.x': torch.ones(1)}
        return {'state_dict': state}

    monkeypatch.setattr(safe_load, 'safe_load', load)
    found = _load_checkpoint('open-mmlab://vgg16_caffe')
    assert set(found['state_dict']) == {'backbone.x', 'head.x'}
    found = _load_checkpoint('mmcls://vgg11')
    assert set(found['state_dict']) == {'x'}
    assert all(url.startswith('https://') for url in fetched)
    assert len(fetched) == 2


def test_contents_of_object_stores_are_loaded_safely(
    tmp_path, safe_mmengine, monkeypatch
):
    mark = tmp_path / 'ran'
    torch.save({'trap': Trap(str(mark))}, tmp_path / 'x.pth')
    data = (tmp_path / 'x.pth').read_bytes()
    monkeypatch.setattr(mmengine_loaders, 'get', lambda *_, **__: data)
    with pytest.raises(ValueError, match='s3://b/x.pth cannot be loaded saf'):
        _load_checkpoint('s3://b/x.pth')
    assert not mark.exists()


def test_the_config_in_a_checkpoint_is_not_run(tmp_path, safe_mmengine):
    """MMEngine's ``resume`` executes ``meta['config']``."""
    path = tmp_path / 'x.pth'
    torch.save({'meta': {'config': '1 / 0', 'iter': 3}}, path)
    assert _load_checkpoint(str(path))['meta'] == {'iter': 3}


@pytest.mark.parametrize(
    ('content', 'expected'),
    [
        (
            {'state_dict': [1]},
            'contains no state dict but an object of type list',
        ),
        (
            {'state_dict': {'a': 1}},
            'contains no state dict: a is an object of type int',
        ),
        (
            {'state_dict': {3: torch.ones(1)}},
            'contains no state dict: the key 3 is an',
        ),
        ({3: torch.ones(1)}, 'contains no state dict: the key 3 is an'),
        ({'meta': 'x'}, 'its meta is a str, not a dict'),
    ],
)
def test_other_contents(tmp_path, safe_mmengine, content, expected):
    torch.save(content, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match=expected):
        _load_checkpoint(str(tmp_path / 'x.pth'))


def test_missing_files_are_named(tmp_path, safe_mmengine):
    with pytest.raises(ValueError, match='no checkpoint file at .*none.pth'):
        _load_checkpoint(str(tmp_path / 'none.pth'))


def test_urls_are_loaded_safely_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    fetched = []

    def fetch(url, path):
        fetched.append(url)
        torch.save({'state_dict': {'a': torch.ones(2)}}, path)

    monkeypatch.setattr('mixmae.checkpoints.io.download._fetch', fetch)
    for _ in range(2):
        loaded = load_from_file_or_url('https://example.org/a/model.pth?x=1')
        assert loaded['state_dict']['a'].tolist() == [1, 1]
    assert fetched == ['https://example.org/a/model.pth?x=1']
    (kept,) = (tmp_path / 'checkpoints').iterdir()
    assert kept.name.endswith('-model.pth')


def test_paths_in_a_message_hub_are_dropped(tmp_path, safe_mmengine):
    info = {
        'best_ckpt': '/home/user/precious.txt',
        'best_ckpt_acc/top1': '../a.pth',
        'keep_ckpt_ids': ['../../a'],
        'outdated_ckpt_ids': ['../../a'],
        'last_ckpt': '/a',
        'best_score': 'high',
        'skipped_updates': {'in_a_row': '../x'},
        'best_files': {'best_ckpt': 3},
        'other': [1, 'a'],
    }
    hub = dict(log_scalars={}, runtime_info=info, resumed_keys={'other': True})
    torch.save({'message_hub': hub}, tmp_path / 'x.pth')
    found = _load_checkpoint(str(tmp_path / 'x.pth'))['message_hub']
    assert found['runtime_info'] == {'other': [1, 'a']}
    assert found['resumed_keys'] == {'other': True}


def test_scores_of_all_number_types_are_kept(tmp_path, safe_mmengine):
    info = {
        'best_score': 0.5,
        'best_score_a': torch.tensor(2.0),
        'best_score_b': float('nan'),
        'best_score_c': True,
    }
    hub = dict(log_scalars={}, runtime_info=info, resumed_keys={})
    torch.save({'message_hub': hub}, tmp_path / 'x.pth')
    found = _load_checkpoint(str(tmp_path / 'x.pth'))['message_hub']
    assert list(found['runtime_info']) == ['best_score', 'best_score_a']
