import pytest
import torch

from mixmae.checkpoints.io.safe_load import safe_load
from mixmae.checkpoints.io.safetensors_file import (
    read_header,
    write_safetensors,
)


def test_header_and_tensors_round_trip(tmp_path):
    """Views of one storage, which the format cannot share, come back too."""
    path = tmp_path / 'x.safetensors'
    storage = torch.arange(6.0)
    state = {'a': storage[:4].view(2, 2).T, 'b': storage}
    backbone = {'type': 'mixmae.MIMSwin', 'window_sizes': (14, 14, 14, 7)}
    write_safetensors(path, state, backbone, {'mean': [1.0]}, 'a test')
    plain = tmp_path / 'plain'
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
    content = safe_load(path)
    assert all(torch.equal(content['state_dict'][k], state[k]) for k in state)
    header = read_header(content['meta'])
    assert header['backbone']['window_sizes'] == [14, 14, 14, 7]
    assert header['preprocessing'] == {'mean': [1.0]}
    assert header['source'] == 'a test'


@pytest.mark.parametrize(
    ('meta', 'message'),
    [
        ({}, 'without the metadata'),
        ({'format': 'pt', 'format_version': 'x'}, 'without the metadata'),
        (
            {'format_version': '2'},
            'format version 2, this version of mixmae reads 1',
        ),
    ],
)
def test_other_headers(meta, message):
    with pytest.raises(ValueError, match=message):
        read_header(meta)
