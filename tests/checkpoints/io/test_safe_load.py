import argparse
import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save

from mixmae.checkpoints.io.safe_load import safe_load, safe_load_bytes
from mixmae.fileio.atomic_write import checksummed_write, sidecar
from mixmae.fileio.safe_path import set_trusted

module = sys.modules['mixmae.checkpoints.io.safe_load']


@pytest.mark.parametrize('first', ['checkpoints', 'checkpoints.io.safe_load'])
def test_the_function_is_found_in_the_package(first):
    """Also after an import of the module of the same name."""
    code = (
        f'import mixmae.{first}; from mixmae.checkpoints import safe_load; '
        f'assert callable(safe_load)'
    )
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0


class Malicious:
    """Object that writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), 'w'))


def test_tensors_and_arguments(tmp_path):
    """Official checkpoints contain their parsed arguments."""
    path = tmp_path / 'official.pth'
    args = argparse.Namespace(lr=0.1)
    torch.save({'model': {'x': torch.ones(2)}, 'args': args}, path)
    content = safe_load(path)
    assert torch.equal(content['model']['x'], torch.ones(2))
    assert content['args'].lr == 0.1


def test_code_is_never_run(tmp_path):
    path, trace = tmp_path / 'bad.pth', tmp_path / 'was_run'
    torch.save({'model': Malicious(trace)}, path)
    message = 'it wants to run .*open, and checkpoints must'
    with pytest.raises(ValueError, match=message):
        safe_load(path)
    path.write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(ValueError, match='bad.pth'):
        safe_load(path)
    assert not trace.exists()


def test_bytes_are_read_like_a_file(tmp_path):
    path = tmp_path / 'x.safetensors'
    path.write_bytes(save({'x': torch.ones(2)}, {'config': '{}'}))
    found = safe_load_bytes(path.read_bytes(), 'x')
    assert found['meta'] == safe_load(path)['meta'] == {'config': '{}'}
    assert torch.equal(found['state_dict']['x'], torch.ones(2))


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


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match='no checkpoint file at'):
        safe_load(tmp_path / 'missing.pth')


def test_no_dict(tmp_path):
    torch.save(torch.ones(1), tmp_path / 'tensor.pth')
    with pytest.raises(ValueError, match='holds a Tensor'):
        safe_load(tmp_path / 'tensor.pth')


@pytest.fixture
def trusting():
    set_trusted(True)
    yield
    set_trusted(False)


def test_trust(tmp_path, trusting):
    path, trace = tmp_path / 'bad.pth', tmp_path / 'was_run'
    torch.save({'model': Malicious(trace), 'x': 1}, path)
    assert safe_load(path)['x'] == 1
    assert trace.exists()
    path.write_bytes(b'hello')
    with pytest.raises(ValueError, match='bad.pth'):
        safe_load(path)


def test_bytes(tmp_path):
    torch.save({'x': 1}, tmp_path / 'x.pth')
    assert safe_load_bytes((tmp_path / 'x.pth').read_bytes(), 'a') == {'x': 1}
    tensors = {'x': torch.ones(2)}
    found = safe_load_bytes(save(tensors), 'b')
    assert torch.equal(found['state_dict']['x'], tensors['x'])
    with pytest.raises(ValueError, match='^c is not a readable safetensors'):
        safe_load_bytes(save(tensors)[:-4], 'c')


def test_old_releases_of_torch_are_warned_of(monkeypatch):
    said = []
    monkeypatch.setattr(
        module, 'print_log', lambda text, *_: said.append(text)
    )
    for version in ('2.5.1', '2.9.1', '2.10.0', '2.12.1+cpu'):
        monkeypatch.setattr(torch, '__version__', version)
        module._warn_of_old_torch.cache_clear()
        module._warn_of_old_torch()
        module._warn_of_old_torch()
    assert len(said) == 2
    assert 'CVE-2025-32434' in said[0] and 'CVE-2026-24747' in said[1]


def test_a_file_that_differs_from_its_checksum_is_refused(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save({'state_dict': {'a': torch.zeros(1000)}}, path)
    data = bytearray(path.read_bytes())
    checksummed_write(path, bytes(data))
    assert safe_load(path)['state_dict']['a'].sum() == 0
    # In the middle of the tensor, which stays readable.
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(ValueError, match='epoch_1.pth is damaged: its bytes'):
        safe_load(path)
    sidecar(path).unlink()
    assert safe_load(path)['state_dict']['a'].sum() != 0
