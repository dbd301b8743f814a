"""The named Swin networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class SwinArch(NamedTuple):
    """Widths and depths of a hierarchical transformer.

    Attributes:
        embed_dims: channels of the first stage, doubled at each next one.
        depths: blocks per stage.
        num_heads: heads per stage.
    """

    embed_dims: int
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]


# T and S: Swin, 2103.14030 section 3.3. B, L, H: Sense-X/MixMIM
# models_mixmim.py:441-487, there with windows of 14, 14, 14 and 7 tokens.
SWIN_ARCHS = {
    'tiny': SwinArch(96, (2, 2, 6, 2), (3, 6, 12, 24)),
    'small': SwinArch(96, (2, 2, 18, 2), (3, 6, 12, 24)),
    'base': SwinArch(128, (2, 2, 18, 2), (4, 8, 16, 32)),
    'large': SwinArch(192, (2, 2, 18, 2), (6, 12, 24, 48)),
    'huge': SwinArch(352, (2, 2, 18, 2), (11, 22, 44, 88)),
}
# The first version of the paper calls the same networks MixMIM-B, -L, -H.
_ALIASES = {
    **{name[0]: name for name in SWIN_ARCHS},
    **{f'swin-{name[0]}': name for name in SWIN_ARCHS},
    **{f'mixmim-{name[0]}': name for name in ('base', 'large', 'huge')},
}


def swin_arch(arch: str | Mapping) -> SwinArch:
    """The widths and depths that a config asks for.

    Args:
        arch: 'tiny', 'small', 'base', 'large' or 'huge', an alias such as
            'swin-b' or 'mixmim-b', or a dict of ``SwinArch``'s fields.

    Raises:
        ValueError: the name or the keys are unknown, or the fields disagree.
    """
    if isinstance(arch, str):
        name = _ALIASES.get(arch.lower(), arch.lower())
        if name not in SWIN_ARCHS:
            raise ValueError(
                f'unknown arch {arch!r}; choose from {sorted(SWIN_ARCHS)}, '
                f'{sorted(_ALIASES)}, or give a dict with embed_dims, depths '
                f'and num_heads'
            )
        return SWIN_ARCHS[name]
    if not isinstance(arch, Mapping) or set(arch) != set(SwinArch._fields):
        given = sorted(arch) if isinstance(arch, Mapping) else repr(arch)
        raise ValueError(
            f'an arch dict has the keys {sorted(SwinArch._fields)}, got '
            f'{given}'
        )
    found = SwinArch(
        arch['embed_dims'], tuple(arch['depths']), tuple(arch['num_heads'])
    )
    if len(found.depths) != len(found.num_heads) or not found.depths:
        raise ValueError(
            f'depths {found.depths} and num_heads {found.num_heads} must '
            f'have one entry per stage'
        )
    if min(found.depths) < 1 or found.embed_dims % 4 or found.embed_dims < 4:
        raise ValueError(
            f'depths must be at least 1 and embed_dims a multiple of 4, got '
            f'{found.depths} and {found.embed_dims}'
        )
    return found
