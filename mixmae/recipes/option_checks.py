"""Checks of the arguments that a pretraining and a fine-tuning share."""

from __future__ import annotations

from typing import Any

# NumPy's and MMEngine's.
LARGEST_SEED = 2**32 - 1


def check_options(options: Any, *numbers: str) -> None:
    """Check numbers, seed and value range of a call.

    Args:
        options: Arguments of the call, with ``seed`` and ``value_range``; None
            or 'auto' is derived.
        numbers: Names of those that must be above 0. All are whole but ``lr``;
            ``devices`` may be 'cpu'.

    Raises:
        ValueError: One is out of range; names it.
    """
    for name in numbers:
        value = getattr(options, name)
        words = ('auto', 'cpu') if name == 'devices' else ('auto',)
        kinds = (int, float) if name == 'lr' else (int,)
        number = isinstance(value, kinds) and not isinstance(value, bool)
        if value not in (None, *words) and not (number and value > 0):
            kind = 'a number' if name == 'lr' else 'a whole number'
            raise ValueError(
                f'{name} must be {" or ".join(words)}, or {kind} above 0, got '
                f'{value!r}'
            )
    seed, limits = options.seed, options.value_range
    if type(seed) is not int or not 0 <= seed <= LARGEST_SEED:
        raise ValueError(
            f'seed must be a whole number of 0 to {LARGEST_SEED}, got {seed!r}'
        )
    if limits not in (None, 'auto') and (
        isinstance(limits, str)
        or len(limits) != 2
        or not limits[0] < limits[1]
    ):
        raise ValueError(
            f'value_range must be auto or two rising numbers, got {limits!r}'
        )
