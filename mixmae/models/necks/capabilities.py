"""What necks ask of a backbone."""

from __future__ import annotations

from torch import nn

# What a backbone is told to do, by the attribute in which it says that it can.
_TASKS = {
    'takes_groups': 'keep two groups of tokens apart',
    'takes_coords': 'encode tokens gathered from a larger grid',
}


def require(backbone: nn.Module, ability: str, neck: nn.Module) -> None:
    """Checks an ability of a backbone.

    Args:
        backbone: of a ``MaskedImageModel``.
        ability: 'takes_groups' or 'takes_coords'; see
            ``HierarchicalBackbone``.
        neck: that needs it.

    Raises:
        ValueError: the backbone lacks it, with the backbone's own reason.
    """
    if getattr(backbone, ability, False):
        return
    kind = type(backbone).__name__
    reason = getattr(backbone, 'refusals', {}).get(
        ability, 'does not say that it can'
    )
    raise ValueError(
        f'{type(neck).__name__} needs a backbone that can '
        f'{_TASKS[ability]}; {kind} {reason}'
    )
