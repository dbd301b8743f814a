import argparse
import pickle
from pathlib import Path

import pytest
import torch

from mixmae.checkpoints import safe_load


class Malicious:
    """Writes a file as it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), 'w'))


def test_tensors_and_arguments(tmp_path):
    """The official files keep their parsed arguments."""
    path = tmp_path / 'official.pth'
    args = argparse.Namespace(lr=0.1)
    torch.save({'model': {'x': torch.ones(2)}, 'args': args}, path)
    content = safe_load(path)
    assert torch.equal(content['model']['x'], torch.ones(2))
    assert content['args'].lr == 0.1


def test_code_is_never_run(tmp_path):
    path, trace = tmp_path / 'bad.pth', tmp_path / 'was_run'
    torch.save({'model': Malicious(trace)}, path)
    message = 'cannot be loaded safely: it wants to run .*open, and nothing'
    with pytest.raises(ValueError, match=message):
        safe_load(path)
    path.write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(ValueError, match='bad.pth'):
        safe_load(path)
    assert not trace.exists()


def test_truncated(tmp_path):
    path = tmp_path / 'short.pth'
    torch.save({'x': torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match='short.pth'):
        safe_load(path)


@pytest.mark.parametrize('content', [b'', b'hello'])
def test_no_checkpoint_at_all(tmp_path, content):
    path = tmp_path / 'file.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='file.pth'):
        safe_load(path)


def test_no_such_file(tmp_path):
    with pytest.raises(ValueError, match='no checkpoint file at'):
        safe_load(tmp_path / 'missing.pth')


def test_no_dict(tmp_path):
    torch.save(torch.ones(1), tmp_path / 'tensor.pth')
    with pytest.raises(ValueError, match='holds a Tensor'):
        safe_load(tmp_path / 'tensor.pth')


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
