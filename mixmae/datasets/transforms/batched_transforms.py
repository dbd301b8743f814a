"""Pipeline that batches samples, and transforms for it: seed, flip, pack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.structures import BaseDataElement

from mixmae.datasets.corrupt.corrupt_image_error import CorruptImageError
from mixmae.datasets.samplers.resumable_samplers import (
    SampleIndex,
    seed_generators,
)
from mixmae.registry import TRANSFORMS

# Number of samples in flight at once.
TOGETHER = 16
Step = Callable[[dict], dict]


class BatchedPipeline:
    """Pipeline that processes several samples together.

    Decoding an image evicts the caches of a core, so the steps between two
    decodings (opening a file, seeding, drawing, packing) take several times
    as long as in isolation: a quarter of the total time. This class reads
    several samples, then draws the crops of all of them, then decodes them,
    and so on. The result of each sample is the same as on its own: its random
    numbers follow its own seed.

    Args:
        transforms: Transforms of the pipeline; see ``of``.
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        rows = [transform.stages() for transform in transforms]
        self.stages = [
            [step for step in stage if step is not None]
            for stage in zip(*rows, strict=True)
        ]

    @classmethod
    def of(cls, transforms: Iterable[Any]) -> BatchedPipeline | None:
        """Return the batched pipeline; None if a transform does not allow it.

        Samples are then transformed one by one, with the same results.

        The first transform must be ``SeedSample``, and all must have a
        ``stages()`` method, which returns their ``Stages``. An inherited
        ``stages()`` does not count if the subclass overrides ``__call__``.
        """
        found = list(transforms)
        kinds = [type(transform) for transform in found]
        names = [kind.__name__ for kind in kinds]
        if names[:1] != ['SeedSample'] or not all(map(_has_stages, kinds)):
            return None
        return cls(found)

    def run(
        self, indices: Sequence[int], read: Callable[[int], dict | None]
    ) -> list[dict | None]:
        """Apply the pipeline to several samples.

        Args:
            indices: Indices of the samples.
            read: Returns the input of the pipeline, or None.

        Returns:
            One result per sample; None where ``read`` returned None, or where
            it or a transform raised ``CorruptImageError``.
        """
        found: list[dict | None] = []
        for start in range(0, len(indices), TOGETHER):
            some: list[Any] = list(indices[start : start + TOGETHER])
            first, *others = self.stages
            for stage in ([read, *first], *others):
                some = [_through(stage, sample) for sample in some]
            found += some
        return found


def _has_stages(kind: type) -> bool:
    """Return True if a call of a class is equal to its stages in order."""
    for parent in kind.__mro__:
        if 'stages' in vars(parent):
            return True
        if '__call__' in vars(parent):
            return False
    return False


def _through(stage: Sequence[Callable], sample: Any) -> Any:
    """Apply the steps of a stage; None if the sample is corrupt or None."""
    try:
        for step in stage:
            if sample is None:
                return None
            sample = step(sample)
    except CorruptImageError:
        return None
    return sample


class Stages(NamedTuple):
    """Steps of a transform in each stage, if any.

    Called in order they are equal to the transform. Only ``draw`` may draw
    random numbers. No stage may need the result of a later stage of another
    transform.
    """

    read: Step | None = None
    draw: Step | None = None
    decode: Step | None = None
    resize: Step | None = None
    pack: Step | None = None


@TRANSFORMS.register_module()
class SeedSample:
    """Seed the generators by (seed, epoch, sample), before augmentations.

    Must be the first transform of a pipeline. The draws of the following
    transforms then depend neither on the worker, nor on the number of
    workers, nor on earlier draws: a resumed run gets the crops of the
    uninterrupted one, and workers that restart in each epoch do not repeat
    their draws.

    A dataset that replaces a sample whose crop contains no object draws the
    index of the replacement after this seeding, so that the index is
    reproducible; the replacement is seeded by that index and the same epoch.

    Raises:
        ValueError: The index comes from a sampler that provides no epoch.
    """

    def __init__(self) -> None:
        self._before: SampleIndex | None = None

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Seed; replace ``sample_idx`` by a plain int."""
        index = results.get('sample_idx')
        if type(index) is int and self._before is not None:
            index = self._before.at(index)
        if not isinstance(index, SampleIndex):
            raise ValueError(
                f'SeedSample needs the epoch with sample_idx {index!r}; use '
                'it with sampler=dict(type="mixmae.UpdateSampler", ...), '
                'train_cfg=dict(type="mixmae.ResumableTrainLoop", ...) or, '
                'with an InfiniteSampler, "mixmae.ResumableIterLoop", and a '
                'data set that passes the index to its pipeline; other '
                'wrappers than ConcatDataset and RepeatDataset do not, so '
                'remove SeedSample with them'
            )
        self._before = index
        number = int(index) + index.offset
        seed_generators(index.seed, index.epoch, number)
        results['sample_idx'] = int(index)
        return results

    def stages(self) -> Stages:
        """Return the stages, see ``BatchedPipeline``."""
        return Stages(draw=self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


# Code of OpenCV's flip by direction.
FLIP_AXES = {'horizontal': 1, 'vertical': 0}


@TRANSFORMS.register_module()
class DrawFlip:
    """Flip an image with a given probability, by default from left to right.

    Adds ``hflip`` (``vflip``), a bool, to the results. It takes one number
    from NumPy's global generator, as mmcv's ``RandomFlip`` does, so both flip
    the same images. Unlike that one it works in a ``BatchedPipeline``. Put it
    after the transform that loads the image.

    For images only: boxes, key points and label maps are not flipped.

    Args:
        prob: Probability of a flip, 0 to 1.
        direction: 'horizontal', or 'vertical', from top to bottom; two
            transforms do both.

    Raises:
        ValueError: An argument is out of range; or, when called, the results
            have boxes, key points or label maps, or no image yet.
    """

    # A flip in the worker costs 5 us at 224 pixels, 0.2 % of the time to
    # load an image (half of them are flipped); on a CPU device, 240 us.

    def __init__(
        self, prob: float = 0.5, direction: str = 'horizontal'
    ) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be from 0 to 1, got {prob}')
        if direction not in FLIP_AXES:
            raise ValueError(
                f'direction must be one of {list(FLIP_AXES)}, got '
                f'{direction!r}'
            )
        self.prob = prob
        self.direction = direction
        self.key = f'{direction[0]}flip'

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw, and flip ``img``."""
        return self._flip(self._draw(results))

    def stages(self) -> Stages:
        """Return the stages, see ``BatchedPipeline``."""
        return Stages(draw=self._draw, pack=self._flip)

    def _draw(self, results: dict[str, Any]) -> dict[str, Any]:
        for key in ('gt_bboxes', 'gt_keypoints', 'gt_seg_map'):
            if key in results:
                raise ValueError(
                    f'DrawFlip flips images only, but the sample has {key}; '
                    'use mmcv.RandomFlip'
                )
        results[self.key] = bool(np.random.random_sample() < self.prob)
        return results

    def _flip(self, results: dict[str, Any]) -> dict[str, Any]:
        if 'img' not in results:
            raise ValueError(
                'DrawFlip needs img; place it after the transform that loads '
                'the image, e.g. LoadRandomResizedCrop'
            )
        if results[self.key]:
            image = results['img']
            flipped = cv2.flip(image, FLIP_AXES[self.direction])
            # OpenCV leaves out a single channel.
            results['img'] = flipped.reshape(image.shape)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(prob={self.prob}, '
            f'direction={self.direction!r})'
        )


@TRANSFORMS.register_module()
class PackImage:
    """Pack an image without labels, three times faster than ``PackInputs``.

    Returns a dict of

    - ``inputs``: ``results['img']`` as uint8 or float32 (channels, H, W),
      channel order unchanged;
    - ``data_samples``: a ``BaseDataElement`` with the meta information.

    For labels use mmpretrain's ``PackInputs``.

    Args:
        meta_keys: Keys of ``results`` to keep, where they exist. By default
            index and path of the image: the index seeds its mask in
            evaluation, and messages about invalid values name both.

    Raises:
        ValueError: When called on an image of another type or shape.
    """

    def __init__(
        self, meta_keys: Sequence[str] = ('sample_idx', 'img_path')
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return the entry of a batch."""
        image = results['img']
        if image.dtype not in (np.uint8, np.float32) or image.ndim != 3:
            raise ValueError(
                f'PackImage needs img as uint8 or float32 (H, W, channels), '
                f'got {image.dtype} {image.shape} of {results.get("img_path")}'
            )
        planes = np.empty((image.shape[2], *image.shape[:2]), image.dtype)
        # Several times faster than a copy of the transposed array.
        cv2.split(image, list(planes))
        sample = BaseDataElement()
        for key in self.meta_keys:
            if key in results:
                sample.set_field(results[key], key, field_type='metainfo')
        return {'inputs': torch.from_numpy(planes), 'data_samples': sample}

    def stages(self) -> Stages:
        """Return the stages, see ``BatchedPipeline``."""
        return Stages(pack=self)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
