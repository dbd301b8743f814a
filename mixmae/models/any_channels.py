"""Preprocessors of detectors and segmentors for any number of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from mixmae.models.data_preprocessor import check_statistics


class AnyChannels:
    """Mixin for subclasses of MMEngine's ``ImgDataPreprocessor``.

    That one takes one or three means. Channels are swapped only where there
    are three of them; others keep the order of the file.

    Args:
        mean, std: One number per channel of the images, in units of 0..255;
            of three channels in the order of the network.
        bgr_to_rgb: Images of three channels are BGR, the network takes RGB.
        options: Arguments of the other base class.

    Raises:
        ValueError: ``mean`` and ``std`` are not one number per channel.
    """

    _enable_normalize: bool

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        bgr_to_rgb: bool = False,
        **options: Any,
    ) -> None:
        check_statistics(mean, std)
        options['bgr_to_rgb'] = bgr_to_rgb and len(mean) == 3
        super().__init__(**options)
        self._enable_normalize = True
        for name, values in (('mean', mean), ('std', std)):
            tensor = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(name, tensor, False)  # type: ignore
