from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mixmae.engine.hooks import WholeModelHook
from tests.models.parts import TINY, tiny_model


def load(model: nn.Module, state: dict) -> None:
    checkpoint = {'state_dict': state}
    runner = SimpleNamespace(model=model)
    WholeModelHook().after_load_checkpoint(runner, checkpoint)


def test_what_fits_is_let_through():
    model = tiny_model()
    load(model, model.state_dict())
    load(model, {f'module.{k}': v for k, v in model.state_dict().items()})
    # More than the model needs, and tables that are resized on loading.
    other = tiny_model(backbone={'window_sizes': (6, 6, 6, 4)})
    load(model, {**other.state_dict(), 'more': torch.ones(1)})


@pytest.mark.parametrize(
    ('spoil', 'message'),
    [
        (
            lambda s: s.pop('neck.mask_token'),
            r'for 1 of .*\(neck.mask_token\)',
        ),
        (
            lambda s: s.update({'backbone.norm3.bias': torch.ones(3)}),
            r'for 1 of .*\(backbone.norm3.bias\)',
        ),
        (lambda s: s.clear(), r'\(backbone.* \.\.\.\): it is of another task'),
    ],
)
def test_a_part_is_not_enough(spoil, message):
    model = tiny_model()
    state = dict(model.state_dict())
    spoil(state)
    with pytest.raises(ValueError, match=message):
        load(model, state)


def test_tables_of_other_heads_do_not_fit():
    heads = {'arch': {**TINY['arch'], 'num_heads': (2, 2, 2, 4)}}
    with pytest.raises(ValueError, match='stages.0.*position_bias.table'):
        load(tiny_model(backbone=heads), tiny_model().state_dict())
