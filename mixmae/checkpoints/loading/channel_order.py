"""Channel order that a network was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHANNEL_ORDERS = ('RGB', 'BGR')


def channel_order(preprocessor: Mapping[str, Any]) -> str:
    """Return the channel order of a network's input, 'RGB' or 'BGR'.

    Args:
        preprocessor: Record of a converter (``channel_order``), or config of a
            data preprocessor. The flag is ``to_rgb`` in mixmae and mmpretrain,
            ``bgr_to_rgb`` in mmengine, mmdet and mmseg; ours defaults to True,
            theirs to False. All pipelines load BGR.

    Raises:
        ValueError: A ``channel_order`` that is neither.
    """
    recorded = preprocessor.get('channel_order')
    if recorded is not None:
        order = str(recorded).upper()
        if order not in CHANNEL_ORDERS:
            raise ValueError(
                f'channel_order must be one of {CHANNEL_ORDERS}, got '
                f'{recorded!r}'
            )
        return order
    flag = preprocessor.get('to_rgb', preprocessor.get('bgr_to_rgb'))
    if flag is None:
        kind = str(preprocessor.get('type', '')).split('.')[-1]
        flag = kind == 'MaskingDataPreprocessor'
    return 'RGB' if flag else 'BGR'
