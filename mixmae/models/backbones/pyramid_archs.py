"""The named pyramid transformers: PVT and Twins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class PyramidArch(NamedTuple):
    """Widths and depths of a pyramid transformer, one entry per stage.

    Attributes:
        embed_dims: channels.
        depths: blocks.
        num_heads: heads.
        mlp_ratios: hidden channels of the MLPs over channels.
    """

    embed_dims: tuple[int, ...]
    depths: tuple[int, ...]
    num_heads: tuple[int, ...]
    mlp_ratios: tuple[int, ...]


def _pvt(*depths: int) -> PyramidArch:
    return PyramidArch((64, 128, 320, 512), depths, (1, 2, 5, 8), (8, 8, 4, 4))


def _svt(embed_dims: int, depths: tuple[int, ...]) -> PyramidArch:
    dims = tuple(embed_dims << i for i in range(4))
    return PyramidArch(
        dims, depths, tuple(dim // 32 for dim in dims), (4, 4, 4, 4)
    )


# PVT, 2102.12122, table 1.
PVT_ARCHS = {
    'tiny': _pvt(2, 2, 2, 2),
    'small': _pvt(3, 4, 6, 3),
    'medium': _pvt(3, 4, 18, 3),
    'large': _pvt(3, 8, 27, 3),
}
# Twins, 2104.13840, tables 1 and 2.
TWINS_ARCHS = {
    'pcpvt-small': _pvt(3, 4, 6, 3),
    'pcpvt-base': _pvt(3, 4, 18, 3),
    'pcpvt-large': _pvt(3, 8, 27, 3),
    'svt-small': _svt(64, (2, 2, 10, 4)),
    'svt-base': _svt(96, (2, 2, 18, 2)),
    'svt-large': _svt(128, (2, 2, 18, 2)),
}


def named_arch(
    arch: str, archs: Mapping[str, PyramidArch], family: str
) -> PyramidArch:
    """One of a family's networks.

    Args:
        arch: its name, or the first letter of the name's last word; the
            family's name may precede it: 'small', 's', 'pvt-small'.
        archs: the family's networks.
        family: 'pvt' or 'twins'.

    Raises:
        ValueError: the family has none of this name.
    """
    name = arch.lower().removeprefix(f'{family}-')
    for full, found in archs.items():
        head, _, last = full.rpartition('-')
        if name in (full, f'{head}-{last[0]}'.lstrip('-')):
            return found
    raise ValueError(
        f'unknown arch {arch!r} of {family}; choose from {sorted(archs)} or '
        f'give a dict with {", ".join(PyramidArch._fields)}'
    )


def checked_arch(arch: Mapping) -> PyramidArch:
    """The network of a dict with ``PyramidArch``'s fields.

    Raises:
        ValueError: other keys, fields that disagree or are out of range.
    """
    if set(arch) != set(PyramidArch._fields):
        raise ValueError(
            f'an arch dict has the keys {sorted(PyramidArch._fields)}, got '
            f'{sorted(arch)}'
        )
    found = PyramidArch(**{key: tuple(arch[key]) for key in arch})
    if len({len(field) for field in found}) > 1 or not found.depths:
        raise ValueError(
            f'each field of an arch must have one entry per stage, got '
            f'{found._asdict()}'
        )
    if any(min(field) < 1 for field in found):
        raise ValueError(
            f'the fields of an arch must be at least 1, got {found._asdict()}'
        )
    return found
