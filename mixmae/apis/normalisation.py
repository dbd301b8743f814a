"""Mean, std and channel order that a network was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mixmae.checkpoints.loading.channel_order import channel_order


@dataclass(frozen=True)
class Normalisation:
    """Conversion of pixels to a backbone's input.

    Attributes:
        mean: Per channel of the network, in units of 0..255.
        std: Per channel of the network, in units of 0..255.
        to_rgb: Whether a network of three channels takes RGB; else BGR.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    to_rgb: bool

    @property
    def channel_order(self) -> str:
        """Channel order of the network's input: 'RGB', 'BGR' or 'stored'."""
        if len(self.mean) != 3:
            return 'stored'
        return 'RGB' if self.to_rgb else 'BGR'

    @classmethod
    def of(cls, preprocessor: Mapping | None) -> Normalisation:
        """Create from the config of a data preprocessor.

        Args:
            preprocessor: Config from mixmae, mmpretrain, mmdet or mmseg, or
                the record of a converter; see ``channel_order``.

        Raises:
            ValueError: There is none, it has no mean or std, these do not hold
                one number per channel, or it takes RGB files.
        """
        config = preprocessor or {}
        mean, std = config.get('mean'), config.get('std')
        if mean is None or std is None:
            raise ValueError(
                'the config has no data_preprocessor with mean and std, so '
                'the normalisation of pixels is unknown'
            )
        if not len(mean) == len(std) or not mean or min(std) <= 0:
            raise ValueError(
                'mean and std of the data_preprocessor must have one number '
                f'per channel, std above 0, got {list(mean)} and {list(std)}'
            )
        if config.get('rgb_to_bgr'):
            raise ValueError(
                'a data_preprocessor with rgb_to_bgr requires a pipeline that '
                'loads RGB, but images are BGR here; set bgr_to_rgb=True if '
                'the network takes RGB, and neither of the two if it takes BGR'
            )
        to_rgb = channel_order(config) == 'RGB'
        return cls(_floats(mean), _floats(std), to_rgb)

    def __call__(self, images: Tensor) -> Tensor:
        """Convert images (B, channels, H, W), BGR if three, to float32."""
        pixels = images.float()
        if self.channel_order == 'RGB':
            pixels = pixels.flip(1)
        mean, std = (
            torch.tensor(values, device=images.device).view(-1, 1, 1)
            for values in (self.mean, self.std)
        )
        return (pixels - mean) / std


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
