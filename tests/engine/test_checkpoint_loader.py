import pytest
import torch
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import _load_checkpoint, load_from_local

from mixmae.engine.checkpoint_loader import (
    last_checkpoint,
    load_from_file_or_url,
    load_only_safely,
)


class Trap:
    """Leaves a file behind when it is unpickled."""

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


def test_mmengine_alone_would_run_it(tmp_path):
    # The reason why ours exists; should this fail one day, it may go.
    mark = tmp_path / 'ran'
    path = tmp_path / 'bad.pth'
    torch.save({'state_dict': {}, 'trap': Trap(str(mark))}, path)
    try:
        load_from_local(str(path), 'cpu')
    finally:
        assert mark.exists()


def test_missing_files_are_named(tmp_path, safe_mmengine):
    with pytest.raises(ValueError, match='no checkpoint file at .*none.pth'):
        _load_checkpoint(str(tmp_path / 'none.pth'))


def test_urls_are_loaded_safely_from_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    fetched = []

    def download(url, path):
        fetched.append(url)
        torch.save({'state_dict': {'a': torch.ones(2)}}, path)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', download)
    for _ in range(2):
        loaded = load_from_file_or_url('https://example.org/a/model.pth?x=1')
        assert loaded['state_dict']['a'].tolist() == [1, 1]
    assert fetched == ['https://example.org/a/model.pth?x=1']
    (kept,) = (tmp_path / 'checkpoints').iterdir()
    assert kept.name.endswith('-model.pth')


def test_last_checkpoint_of_a_moved_folder(tmp_path):
    assert last_checkpoint(tmp_path) is None
    note = tmp_path / 'last_checkpoint'
    note.write_text('somewhere/else/epoch_2.pth')
    assert last_checkpoint(tmp_path) is None
    torch.save({}, tmp_path / 'epoch_2.pth')
    assert last_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'
