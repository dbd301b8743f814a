import logging
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mixmae.engine.hooks import StrictLoadHook
from tests.models.parts import TINY, tiny_model


def load(model: nn.Module, state: dict, part: str = '') -> None:
    checkpoint = {'state_dict': state}
    runner = SimpleNamespace(model=model)
    StrictLoadHook(part).after_load_checkpoint(runner, checkpoint)


def test_fitting_weights_are_accepted():
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
            r'for 1 of .*\(backbone.norm3.bias of shape \(3,\) instead of ',
        ),
        (lambda s: s.clear(), r'not match this MaskedImageModel.* \.\.\.\)'),
    ],
)
def test_a_part_of_the_weights_is_refused(spoil, message):
    model = tiny_model()
    state = dict(model.state_dict())
    spoil(state)
    with pytest.raises(ValueError, match=message):
        load(model, state)


def test_tables_of_other_heads_do_not_fit():
    heads = {'arch': {**TINY['arch'], 'num_heads': (2, 2, 2, 4)}}
    with pytest.raises(ValueError, match='stages.0.*position_bias.table'):
        load(tiny_model(backbone=heads), tiny_model().state_dict())


def test_extra_blocks_are_refused():
    """A deeper network's weights do not fit a shallower one."""
    arch = {**TINY['arch'], 'depths': (1, 1, 1, 1)}
    shallow = tiny_model(backbone={'arch': arch})
    with pytest.raises(ValueError, match=r'has 13 .*stages.2.blocks.1'):
        load(shallow, tiny_model().state_dict())


def test_a_training_may_start_from_another_head():
    model = tiny_model()
    state = {
        key: value
        for key, value in model.state_dict().items()
        if not key.startswith('neck.')
    }
    load(model, {**state, 'head.fc.weight': torch.ones(1)}, 'backbone')
    with pytest.raises(ValueError, match='neck'):
        load(model, state)
    with pytest.raises(ValueError, match='no weights for'):
        load(model, {'layer1.weight': torch.ones(1)}, 'backbone')


def test_other_shapes_of_another_task_are_one_line(caplog):
    """MMEngine would list every key and load the others."""
    model = tiny_model()
    state = dict(model.state_dict())
    names = [f'module.{key}' for key in state if key.startswith('neck.')]
    state = {f'module.{key}': value for key, value in state.items()}
    state.update({name: torch.ones(5, 1, 3) for name in names})
    runner = SimpleNamespace(model=model, logger=logging.getLogger('load'))
    checkpoint = {'state_dict': state}
    StrictLoadHook('backbone').after_load_checkpoint(runner, checkpoint)
    (line,) = caplog.messages
    assert line.startswith(f'{len(names)} of ') and '(5, 1, 3)' in line
    assert names[0].removeprefix('module.') in line
    assert checkpoint['state_dict'].keys().isdisjoint(names)
