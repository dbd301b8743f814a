"""Files from the net, and whether they are what was meant."""

import hashlib
from pathlib import Path

import pytest
import torch

from mixmae.checkpoints import safe_load
from mixmae.checkpoints.download import download, noted_hash

DATA = b'some weights'
HASH = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def net(tmp_path, monkeypatch):
    """Gives the same bytes for every address; notes what was asked for."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    asked = []

    def fetch(url, path):
        asked.append(url)
        Path(path).write_bytes(DATA)

    monkeypatch.setattr(torch.hub, 'download_url_to_file', fetch)
    return asked


def test_hashes_of_addresses():
    base = 'https://example.org/a'
    assert noted_hash(f'{base}/x.pth') == ''
    assert noted_hash(f'{base}/x-0123abcd.pth?a=1') == '0123abcd'
    assert noted_hash(f'{base}/swin-b_8xb128-600e.pth') == ''
    assert noted_hash(f'{base}/x.pth#sha256={HASH.upper()}') == HASH
    with pytest.raises(ValueError, match='must be sha256= and 64'):
        noted_hash(f'{base}/x.pth#sha256=0123')


def test_fetched_once_and_checked_each_time(net):
    url = f'https://example.org/x-{HASH[:8]}.pth'
    path = download(url)
    assert path.read_bytes() == DATA and download(url) == path
    assert net == [url]
    path.write_bytes(b'others')
    with pytest.raises(ValueError, match=f'its address says {HASH[:8]}'):
        download(url)


def test_other_files_are_not_kept(net, tmp_path):
    for url in (
        'https://a/x-00000000.pth',
        f'http://a/x.pth#sha256={"0" * 64}',
    ):
        with pytest.raises(ValueError, match='cannot be used: its SHA-256'):
            download(url)
    assert not list((tmp_path / 'checkpoints').iterdir())
    path = download(f'http://a/x.pth#sha256={HASH}')
    assert path.name.endswith('-x.pth') and net[-1] == 'http://a/x.pth'


def test_files_of_one_name_from_two_addresses(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    for name in 'ab':
        (tmp_path / name).mkdir()
        torch.save({'from': name}, tmp_path / name / 'epoch_1.pth')

    def fetch(url, path):
        source = tmp_path / url.removeprefix('https://example.org/')
        Path(path).write_bytes(source.read_bytes())

    monkeypatch.setattr(torch.hub, 'download_url_to_file', fetch)
    for name in 'aba':
        found = safe_load(f'https://example.org/{name}/epoch_1.pth')
        assert found == {'from': name}


def test_an_address_that_does_not_answer(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    with pytest.raises(ValueError, match='http://127.0.0.1:1/x.pth cannot be'):
        safe_load('http://127.0.0.1:1/x.pth')
    assert not list((tmp_path / 'checkpoints').iterdir())
