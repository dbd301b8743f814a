import pytest
import torch

from mixmae.checkpoints.io.state_dict import state_dict_of

STATE = {'a': torch.ones(1)}


@pytest.mark.parametrize('key', ['state_dict', 'model', None])
def test_keys_of_the_state(key):
    content = STATE if key is None else {key: STATE, 'epoch': 3}
    assert state_dict_of(content, 'x.pth') is STATE


@pytest.mark.parametrize(
    ('state', 'message'),
    [
        ([1], ' but an object of type list'),
        ({'a': [1]}, ': a is an object of type list, not a tensor'),
        ({3: torch.ones(1)}, ': the key 3 is an object of type int, not the'),
        ({('a',): torch.ones(1)}, r": the key \('a',\) is an object of type"),
    ],
)
def test_invalid_values(state, message):
    with pytest.raises(
        ValueError, match=f'^x contains no state dict{message}'
    ):
        state_dict_of({'state_dict': state}, 'x')
    with pytest.raises(ValueError, match=f'^no state dict{message}'):
        state_dict_of({'model': state})
