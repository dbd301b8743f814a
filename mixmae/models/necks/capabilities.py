"""Checks of the capabilities that a neck needs of its backbone."""

from __future__ import annotations

from torch import nn

# By the attribute of a backbone, see ``HierarchicalBackbone``.
_CAPABILITIES = {
    'takes_groups': 'keep two groups of tokens apart',
    'takes_coords': 'encode tokens gathered from a larger grid',
}


def require(backbone: nn.Module, capability: str, neck: nn.Module) -> None:
    """Raises an error where a backbone lacks a capability.

    Args:
        backbone: of a ``MaskedImageModel``.
        capability: 'takes_groups' or 'takes_coords'; see
            ``HierarchicalBackbone``.
        neck: the neck that needs it.

    Raises:
        ValueError: the backbone lacks it; the message holds the reason that
            the backbone gives in ``unsupported``.
    """
    if getattr(backbone, capability, False):
        return
    kind = type(backbone).__name__
    reason = getattr(backbone, 'unsupported', {}).get(
        capability, f'does not set {capability}=True'
    )
    raise ValueError(
        f'{type(neck).__name__} needs a backbone that can '
        f'{_CAPABILITIES[capability]}; {kind} {reason}'
    )
