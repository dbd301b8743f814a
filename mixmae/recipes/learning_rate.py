"""Peak learning rates of recipes.

The rate is scaled by the square root of the images of an update, gradient
accumulation included (arXiv:2205.10287). ``mixmae train --auto-scale-lr`` is
MMEngine's rule, which recipes do not use: linear, without accumulation.
"""

from __future__ import annotations

import math

from mixmae.recipes.methods import SMALL_LR, SMALL_UPDATE, Method
from mixmae.recipes.networks import Network


def pretraining_rate(
    method: Method, network: Network, update: int
) -> tuple[float, str]:
    """Return the learning rate of a pretraining, and its reason.

    The reference is the paper or, for small networks, our mini networks.

    Args:
        method: The method.
        network: The network.
        update: Images of an update, of all devices.
    """
    base, reference, whose = method.base_lr, method.base_update, 'the paper'
    if network.is_small:
        base, reference, whose = SMALL_LR, SMALL_UPDATE, 'our mini networks'
    return _scaled(base, reference, update), (
        f'{base:g} at {reference:,} images an update ({whose}), scaled by '
        f'the square root to {update:,}'
    )


def fine_tuning_rate(
    base: float, reference: int, update: int, small: bool, head_only: bool
) -> tuple[float, str]:
    """Return the learning rate of a fine-tuning, and its reason.

    Args:
        base: Learning rate of the reference.
        reference: Images of an update of the reference.
        update: Images of an update.
        small: Whether the network is small.
        head_only: Whether the backbone is frozen.
    """
    reason = f'{base:g} at {reference} images, by the square root'
    if small:
        base, reason = 4 * base, f'{reason}; 4 times that for a small network'
    if head_only:
        base, reason = 4 * base, f'{reason}; 4 times that for the head'
    return _scaled(base, reference, update), reason


def _scaled(base: float, reference: int, update: int) -> float:
    return float(f'{base * math.sqrt(update / reference):.2g}')
