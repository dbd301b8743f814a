import random

import numpy as np
import torch

from mixmae.engine.preserved_random_state import preserved_random_state


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
