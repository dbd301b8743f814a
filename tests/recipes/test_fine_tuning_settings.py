"""Arguments of a fine-tuning are checked before anything is read."""

import pytest

from mixmae.recipes.fine_tuning_settings import FineTuningOptions


@pytest.mark.parametrize(
    ('name', 'values'),
    [
        ('seed', (-1, 2**32, 0.5, True)),
        ('num_workers', (-1, 'a', True)),
        ('patience', (0, -1)),
        ('epochs', (0, -3, True, 1.5)),
        ('lr', (0, -1e-3)),
        ('devices', (0, 'gpu', True)),
    ],
)
def test_numbers_out_of_range(name, values):
    for value in values:
        with pytest.raises(ValueError, match=f'{name} must be'):
            FineTuningOptions(**{name: value})
    FineTuningOptions(**{name: 1})
