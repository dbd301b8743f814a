"""Preparation of images as in a network's test pipeline; normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from numpy import ndarray
from torch import Tensor

from mixmae.checkpoints.loading.config_allowlist import (
    SCOPES,
    TEST_STEPS,
    registered_parts,
)
from mixmae.checkpoints.loading.recorded_model import (
    channel_order,
    pipelines,
)
from mixmae.datasets.transforms.load_image import LoadImage
from mixmae.registry import TRANSFORMS

Resize = str | int | tuple[int, int] | None
# Steps that read files and annotations, check them, and pack the result: done
# here, or not needed without annotations.
_OTHER_STEPS = ('Load', 'Pack', 'Check')
# Arguments of the loading transforms that control how a file is read.
LOADING = (
    'background', 'draft_side', 'min_side', 'max_pixels', 'value_range',
    'extra_band', 'channels',
)  # fmt: skip
# Key with the checkpoint path, in a config from a checkpoint.
CARRIED_BY = 'carried_by'


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
        return cls(tuple(map(float, mean)), tuple(map(float, std)), to_rgb)

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


class ImagePreparation:
    """Read images and resize them; the model's preprocessor normalises.

    Args:
        cfg: Config with the test pipeline.
        resize: 'pipeline' = the steps of the config's test pipeline between
            reading and packing; None = nothing; an int = resize the shorter
            side to this length, then crop a central square; (height, width) =
            exactly this size, ignoring the aspect ratio.

    Raises:
        ValueError: Another ``resize``; 'pipeline' without a test pipeline; or
            a pipeline from a checkpoint with steps that are neither mixmae's
            nor in ``TEST_STEPS``.
    """

    def __init__(self, cfg: Config, resize: Resize) -> None:
        self.resize = _checked(resize)
        steps = test_pipeline(cfg)
        loader = _loader(steps, cfg) or _recorded_loader(cfg)
        training = next(pipelines(cfg, ('train_dataloader',)), ())
        trained = _loader(training, cfg)
        if trained is not None and trained.decoding != loader.decoding:
            raise ValueError(
                f'training reads images with {trained.decoding}, the test '
                f'pipeline with {loader.decoding}; set the same background, '
                'extra_band, value_range and channels in both loading '
                'transforms'
            )
        self.load = loader.load
        self.decoding = loader.decoding
        self.steps: list = []
        if self.resize != 'pipeline':
            return
        if not steps:
            raise ValueError(
                'the config has no test pipeline to resize images with; use '
                'resize=None, one side, or (height, width)'
            )
        steps = [s for s in steps if not _name(s).startswith(_OTHER_STEPS)]
        if cfg.get(CARRIED_BY):
            steps = registered_parts(
                steps,
                (TRANSFORMS,),
                cfg[CARRIED_BY],
                scope_of(cfg),
                SCOPES,
                TEST_STEPS,
            )
        with DefaultScope.overwrite_default_scope(scope_of(cfg)):
            self.steps = [TRANSFORMS.build(dict(step)) for step in steps]

    def __call__(self, image: ndarray, index: int, name: str) -> Tensor:
        """Prepare an image: (H, W, channels) -> (channels, H', W').

        Args:
            image: Image as read by ``LoadImage``, BGR if of three channels.
            index: Index of the image, for transforms that need it.
            name: Name of the image, for transforms that need it.

        Raises:
            ValueError: The pipeline dropped the image.
        """
        if self.resize == 'pipeline':
            image = self.results(image, index, name)['img']
        elif isinstance(self.resize, int):
            image = _middle_square(image, self.resize)
        elif self.resize is not None:
            image = _resized(image, *self.resize)
        return to_tensor(image)

    def results(self, image: ndarray, index: int, name: str) -> dict:
        """Return what the steps of the test pipeline make of an image.

        Arguments and errors are those of a call; ``img`` is the image.

        Raises:
            ValueError: A step fails for this image, or dropped it.
        """
        results: dict = {
            'img': image,
            'img_path': name,
            'img_shape': image.shape[:2],
            'ori_shape': image.shape[:2],
            'sample_idx': index,
            'img_id': index,
        }
        for step in self.steps:
            try:
                done = step(results)
            except Exception as error:
                height, width = image.shape[:2]
                raise ValueError(
                    f'{type(step).__name__} of the test pipeline fails for '
                    f'this image of {width} x {height} pixels '
                    f'({type(error).__name__}: {" ".join(str(error).split())})'
                ) from error
            if done is None:
                raise ValueError(
                    f'{type(step).__name__} of the test pipeline returned '
                    'None for it'
                )
            results = done
        return results


def to_tensor(image: ndarray) -> Tensor:
    """Convert (H, W[, channels]) to a tensor (channels, H, W)."""
    # OpenCV leaves out a single channel.
    image = image.reshape(*image.shape[:2], -1)
    # Copied: a decoded image may be read-only.
    return torch.from_numpy(image.transpose(2, 0, 1).copy())


def scope_of(cfg: Config) -> str:
    """Return the registry scope of the types in a config."""
    return cfg.get('default_scope') or 'mixmae'


def test_pipeline(cfg: Config) -> list[Mapping]:
    """Return the transforms of a config's test or validation data."""
    return [*next(pipelines(cfg), ())]


def _loader(steps: Sequence[Mapping], cfg: Config) -> LoadImage | None:
    """Return mixmae's loading transform of a pipeline, if any."""
    for step in steps:
        scope, _, name = str(step.get('type')).rpartition('.')
        ours = scope == 'mixmae' or not scope
        if not ours or name not in ('LoadImage', 'LoadRandomResizedCrop'):
            continue
        options = {k: step[k] for k in LOADING if k in step}
        if cfg.get(CARRIED_BY):
            # A checkpoint must not lift the limit against decompression bombs.
            options.pop('max_pixels', None)
        return LoadImage(**options)
    return None


def _recorded_loader(cfg: Config) -> LoadImage:
    """Return the loader of a config without a pipeline of mixmae."""
    preprocessor = (cfg.get('model') or {}).get('data_preprocessor') or {}
    return LoadImage(
        value_range=preprocessor.get('value_range'),
        channels=len(preprocessor.get('mean') or (0, 0, 0)),
    )


def _name(step: Mapping) -> str:
    return str(step['type']).split('.')[-1]


def _checked(resize: Resize | Sequence[int]) -> Resize:
    if resize is None or resize == 'pipeline':
        return resize  # type: ignore[return-value]
    sides = (resize,) if isinstance(resize, int) else resize
    # No bool, which is an int, too.
    if isinstance(sides, Sequence) and all(
        type(side) is int and side > 0 for side in sides
    ):
        if isinstance(resize, int):
            return resize
        if len(sides) == 2:
            return int(sides[0]), int(sides[1])
    raise ValueError(
        f"resize must be 'pipeline', None, one side in pixels or (height, "
        f'width), got {resize!r}'
    )


def _resized(image: ndarray, height: int, width: int) -> ndarray:
    if image.shape[:2] == (height, width):
        return image
    # Downscaling by any method but area would alias.
    shrinks = height * width < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    # OpenCV has no more than four channels there, and leaves out a single one.
    channels = image.shape[2]
    parts = [
        cv2.resize(
            np.ascontiguousarray(image[..., first : first + 4]),
            (width, height),
            interpolation=how,
        ).reshape(height, width, -1)
        for first in range(0, channels, 4)
    ]
    return parts[0] if len(parts) == 1 else np.dstack(parts)


def _middle_square(image: ndarray, side: int) -> ndarray:
    scale = side / min(image.shape[:2])
    height, width = (max(side, round(s * scale)) for s in image.shape[:2])
    image = _resized(image, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]
