"""Settings of a network that its tensors do not tell."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from torch import nn

from mixmae.checkpoints.loading.recorded_model import recorded_model

# With another one of these it is another network.
_BINDING = ('img_size', 'absolute_positions', 'norm_eps')


def untraced_changes(content: Mapping, backbone: nn.Module) -> str:
    """Compares such settings with those that a checkpoint records.

    Args:
        content: of the checkpoint file; nothing is compared if it does not
            say how its backbone was built.
        backbone: that is to get the weights; its ``untraced`` are compared.

    Returns:
        What differs and may, for the log; empty if nothing does.

    Raises:
        ValueError: positions or norms are other ones than in training.
    """
    meta = content.get('meta')
    model = recorded_model(meta) if isinstance(meta, Mapping) else {}
    recorded = model.get('backbone')
    actual = getattr(backbone, 'untraced', {})
    if not isinstance(recorded, Mapping) or not actual:
        return ''
    kind = str(recorded.get('type', '')).split('.')[-1]
    if kind != type(backbone).__name__:
        return ''
    defaults = inspect.signature(type(backbone)).parameters
    allowed = []
    for name, wanted in actual.items():
        given = recorded.get(name, defaults[name].default)
        if _comparable(given) == _comparable(wanted):
            continue
        # Positions computed anew do not depend on the size they are made for.
        computed = actual.get('position_resize') == 'sincos'
        free = name == 'img_size' and computed
        if name in _BINDING and not free:
            hint = (
                ', the size that positions are made for: images of any size '
                'are taken all the same'
            )
            raise ValueError(
                f'the weights were trained with {name}={given}, this {kind} '
                f'has {name}={wanted}; give it {name}={given}'
                + (hint if name == 'img_size' else '')
            )
        allowed.append(f'{name} {given} -> {wanted}')
    return f'; not as trained: {", ".join(allowed)}' if allowed else ''


def _comparable(value: object) -> object:
    """A side stands for a square, a list for a tuple."""
    if isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return value
