"""Check of hyperparameters that leave no trace in the tensors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from torch import nn

from mixmae.checkpoints.loading.recorded_model import recorded_model

# A mismatch of one of these is an error.
_BINDING = ('img_size', 'absolute_positions', 'norm_eps')


def hyperparameter_mismatches(content: Mapping, backbone: nn.Module) -> str:
    """Compare such hyperparameters with those in a checkpoint.

    Args:
        content: Content of the checkpoint file; nothing is compared if it does
            not record its backbone's config.
        backbone: Backbone that gets the weights; its
            ``checked_hyperparameters`` are compared.

    Returns:
        The allowed differences, for the log; empty if there are none.

    Raises:
        ValueError: Positions or norms differ from those in training.
    """
    meta = content.get('meta')
    model = recorded_model(meta) if isinstance(meta, Mapping) else {}
    recorded = model.get('backbone')
    actual = getattr(backbone, 'checked_hyperparameters', {})
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
        # Recomputed positions do not depend on the configured image size.
        computed = actual.get('position_resize') == 'sincos'
        free = name == 'img_size' and computed
        if name in _BINDING and not free:
            hint = (
                ', the size that positions are built for; it does not limit '
                'the size of input images'
            )
            raise ValueError(
                f'the weights were trained with {name}={given}, this {kind} '
                f'has {name}={wanted}; set {name}={given}'
                + (hint if name == 'img_size' else '')
            )
        allowed.append(f'{name} {given} -> {wanted}')
    return f'; not as trained: {", ".join(allowed)}' if allowed else ''


def _comparable(value: object) -> object:
    """Treat a side as a square and a list as a tuple."""
    if isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, value)
    return value
