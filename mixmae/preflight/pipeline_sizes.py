"""Sizes of the images that the pipelines of a config make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mixmae.config.config_paths import type_name


def image_sizes(key: str, part: Any) -> dict[str, tuple[int, int] | None]:
    """Return ``image_size`` of the pipelines of a loader's config.

    A wrapper's own pipeline is the last, so those of the data sets in it do
    not count.

    Args:
        key: Dotted key of ``part``.
        part: Config of the loader, or a part of it.

    Returns:
        By the dotted keys of the pipelines.
    """
    parts: dict[str, Any] = {}
    if isinstance(part, (list, tuple)):
        parts = {f'{key}.{index}': one for index, one in enumerate(part)}
    elif isinstance(part, Mapping):
        if part.get('pipeline'):
            return {f'{key}.pipeline': image_size(part['pipeline'])}
        names = ('dataset', 'datasets')
        parts = {f'{key}.{n}': part[n] for n in names if n in part}
    found: dict[str, tuple[int, int] | None] = {}
    for place, one in parts.items():
        found |= image_sizes(place, one)
    return found


def image_size(pipeline: Sequence) -> tuple[int, int] | None:
    """Return height and width of the images that a pipeline makes.

    Args:
        pipeline: Configs of transforms.

    Returns:
        None if they differ between images or do not follow from the config.
    """
    size: tuple[int, int] | None = None
    for transform in pipeline:
        if not isinstance(transform, Mapping):
            return None
        kind = type_name(transform)
        if 'Crop' in kind:
            size = _pair(transform.get('crop_size', transform.get('scale')))
        elif kind == 'Resize' and not transform.get('keep_ratio'):
            size = _pair(transform.get('scale'))
            # Resize has (width, height), crops have (height, width).
            size = size and size[::-1]
        elif 'Resize' in kind or 'Pad' in kind:
            size = None
    return size


def _pair(value: Any) -> tuple[int, int] | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, value
    if isinstance(value, (list, tuple)) and [type(v) for v in value] == [
        int,
        int,
    ]:
        return value[0], value[1]
    return None
