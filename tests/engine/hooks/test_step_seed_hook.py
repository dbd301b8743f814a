import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mixmae.checkpoints.io.mmengine_loaders import load_only_safely
from mixmae.engine.hooks import StepSeedHook
from mixmae.engine.hooks.step_seed_hook import preserved_random_state
from tests.engine.tiny_run import tiny_config


def masks_and_losses(config: dict, name: str) -> list[tuple]:
    """Train; return mask and loss of each iteration."""
    config['experiment_name'] = name
    config['log_level'] = 'ERROR'
    runner = Runner.from_cfg(Config(config))
    seen = []
    model = runner.model
    original = model.loss

    def loss(images, mask):
        losses = original(images, mask)
        seen.append((mask.hidden.clone(), losses['loss'].item()))
        return losses

    model.loss = loss
    runner.train()
    return seen


def test_a_resumed_run_repeats_the_uninterrupted_one(tmp_path, request):
    name = request.node.name
    whole = masks_and_losses(tiny_config(tmp_path / 'whole'), name + 'a')
    assert len(whole) == 12
    assert len({tuple(mask.flatten().tolist()) for mask, _ in whole}) > 6

    load_only_safely()
    config = tiny_config(tmp_path / 'resumed')
    config['resume'] = True
    config['load_from'] = str(tmp_path / 'whole' / 'epoch_2.pth')
    # Other random draws must not matter.
    torch.rand(17)
    resumed = masks_and_losses(config, name + 'b')
    assert len(resumed) == 4
    for (mask, loss), (again, loss_again) in zip(
        whole[8:], resumed, strict=True
    ):
        assert torch.equal(mask, again)
        assert loss == loss_again


@pytest.mark.parametrize(
    ('preprocessor', 'handed'),
    [
        (object(), {}),
        (SimpleNamespace(masking=None), {}),
        (SimpleNamespace(masking=object()), {'mask_seed': (5, 2, 3)}),
    ],
)
def test_only_batches_that_are_masked_carry_a_mask_seed(preprocessor, handed):
    runner = SimpleNamespace(
        model=SimpleNamespace(data_preprocessor=preprocessor),
        seed=5,
        rank=2,
        iter=3,
    )
    batch = {}
    StepSeedHook().before_train_iter(runner, 0, batch)
    assert batch == handed


def draw() -> tuple:
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_numbers_drawn_in_the_context_do_not_change_the_state():
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    expected = [draw(), draw()]
    random.seed(0), np.random.seed(0), torch.manual_seed(0)
    first = draw()
    try:
        with preserved_random_state():
            draw()
            raise KeyError
    except KeyError:
        pass
    assert [first, draw()] == expected
