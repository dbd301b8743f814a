"""Image inputs, listed and read: files, folders, arrays and tensors."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from mmengine.logging import print_log
from numpy import ndarray
from torch import Tensor
from tqdm import tqdm

from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.images.image_file import PLAIN
from mixmae.datasets.images.pixel_conversion import scaled
from mixmae.fileio.image_formats import SUFFIXES
from mixmae.fileio.image_listing import list_folder
from mixmae.fileio.safe_path import kind_of

Tag = TypeVar('Tag')


@dataclass(frozen=True)
class ImageInput:
    """One image that is not read yet.

    Attributes:
        index: Index in the inputs, from 0.
        name: Path, or 'image_<index>' for an array.
        pixels: Converted pixels of an array, (H, W, channels), BGR of three;
            None for a file.
    """

    index: int
    name: str
    pixels: ndarray | None = None

    def read(self, load: Callable[[str], ndarray]) -> ndarray:
        """Return the image: (H, W, channels), BGR of three.

        Raises:
            ValueError: The file cannot be read.
        """
        return load(self.name) if self.pixels is None else self.pixels


def list_inputs(
    inputs: Any,
    channel_order: str | None = None,
    decoding: ImageDecoding = PLAIN,
) -> list[ImageInput]:
    """List images in the order of the inputs.

    Args:
        inputs: A file; a folder, with all images below it, sorted by name; a
            pattern such as 'a/*.jpg'; an array (H, W, K) or (N, H, W, K) of K
            channels; a tensor (K, H, W) or (N, K, H, W); or a list of any of
            these, or an iterator over them. Arrays and tensors are uint8, or
            floats in 0..1, which are rounded to 8 bits. With a value range,
            values of all types but uint8 are sample values, and are scaled by
            it.
        channel_order: Order of three channels of arrays and tensors, 'rgb'
            (Pillow, torchvision) or 'bgr' (OpenCV, mmcv). It cannot be
            detected from the pixels, so there is no default.
        decoding: Channels and value range of the network.

    Raises:
        ValueError: No such file, no image in a folder, an array of another
            shape or range, an array without ``channel_order``, or no input.
    """
    if channel_order not in (None, 'rgb', 'bgr'):
        raise ValueError(
            f"channel_order must be 'rgb' or 'bgr', got {channel_order!r}"
        )
    found: list[str | ndarray] = []
    several = isinstance(inputs, (list, tuple, Iterator))
    items = inputs if several else [inputs]
    for item in items:
        if isinstance(item, (str, os.PathLike)):
            found.extend(_files(os.fspath(item)))
        elif isinstance(item, (ndarray, Tensor)):
            found.extend(_arrays(item, channel_order, decoding))
        else:
            # Pillow converts other bands and bits to RGB with losses.
            advice = (
                "convert a Pillow image by np.asarray(image.convert('RGB')) "
                "and pass channel_order='rgb'"
                if decoding.channels == 3 and decoding.value_range is None
                else 'of a Pillow image, pass the path of its file'
            )
            raise ValueError(
                'an image must be a path, an array or a tensor, got '
                f'{type(item).__name__}; {advice}'
            )
    if not found:
        raise ValueError('no images were given')
    return [
        ImageInput(i, one)
        if isinstance(one, str)
        else ImageInput(i, f'image_{i}', one)
        for i, one in enumerate(found)
    ]


def _files(path: str) -> list[str]:
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        listing = list_folder(path, SUFFIXES)
        for note in listing.notes():
            print_log(f'{path}: {note}', 'current', logging.WARNING)
        if not listing.files:
            raise ValueError(
                f'no images in {path}: no file name in it ends in '
                f'{", ".join(SUFFIXES)}'
            )
        return [os.path.join(path, name) for name in listing.files]
    if os.path.exists(path):
        if kind := kind_of(os.stat(path).st_mode):
            raise ValueError(f'{path} is a {kind}, not an image file')
        return [path]
    if glob.has_magic(path):
        found = sorted(glob.glob(path, recursive=True))
        matches = [match for match in found if os.path.isfile(match)]
        if not matches:
            raise ValueError(f'no file matches {path}')
        if others := len(found) - len(matches):
            note = f'{path}: skipped, not regular files: {others:,}'
            print_log(note, 'current', logging.WARNING)
        return matches
    near = Path(path)
    while not near.exists() and near != near.parent:
        near = near.parent
    raise ValueError(
        f'there is no file or folder {path} (its closest existing parent is '
        f'{near.resolve()})'
    )


def _arrays(
    item: ndarray | Tensor, order: str | None, decoding: ImageDecoding
) -> Sequence[ndarray]:
    """Return the images of an array or tensor, as a loader would."""
    channels = decoding.channels
    if order is None and channels == 3:
        raise ValueError(
            "arrays and tensors need a channel order: channel_order='rgb' for "
            "Pillow and torchvision, 'bgr' for OpenCV and mmcv"
        )
    if isinstance(item, Tensor):
        _check_shape(item.shape, 'a tensor', -3, channels)
        pixels = item.detach().cpu().movedim(-3, -1)
        if pixels.is_floating_point():
            # NumPy has no bfloat16.
            pixels = pixels.float()
        array = pixels.numpy()
    else:
        _check_shape(item.shape, 'an array', -1, channels)
        array = item
    low_high = decoding.value_range
    if low_high is None:
        array = _to_bytes(array)
    elif array.dtype == np.uint8:
        array = array.astype(np.float32)
    else:
        array = scaled(array, *low_high, np.float32)
    if order == 'rgb' and channels == 3:
        array = array[..., ::-1]
    images = array if array.ndim == 4 else array[None]
    return [np.ascontiguousarray(image) for image in images]


def _check_shape(
    shape: Sequence[int], what: str, axis: int, channels: int
) -> None:
    shape = tuple(shape)
    if len(shape) not in (3, 4) or shape[axis] != channels or 0 in shape[-3:]:
        one = f'H, W, {channels}' if axis == -1 else f'{channels}, H, W'
        raise ValueError(
            f'{what} must be ({one}) or (N, {one}), got {shape}; arrays have '
            f'the {channels} channels in the last dimension, tensors have '
            'them before height and width'
        )


def _to_bytes(array: ndarray) -> ndarray:
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(
            f'pixels must be uint8, or floats within 0..1, got {array.dtype}'
        )
    # NaN fails both comparisons.
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(
            f'floats must be within 0..1, got {array.min():.4g}..'
            f'{array.max():.4g}; pass pixels before normalisation, and values '
            'of 0..255 as uint8'
        )
    return np.round(array.astype(np.float32) * 255).astype(np.uint8)


def image_stream(
    inputs: Sequence[ImageInput],
    load: Callable[[str], ndarray],
    prepare: Callable[[ImageInput, ndarray], tuple[Tag, Tensor]],
    batch_size: int,
    skip_corrupt: bool = False,
    title: str | None = None,
) -> Iterator[tuple[list[Tag], Tensor]]:
    """Yield batches of equally sized images, read on demand.

    Args:
        prepare: Function that returns what the caller needs of an image, and
            the image for the network, (C, H, W). It raises ``ValueError`` for
            an image that the network cannot process; these are never skipped.
        skip_corrupt: Log and skip files that cannot be read; otherwise the
            first of them is an error.
        title: Title of a progress bar on standard error; None = no bar.

    Yields:
        What ``prepare`` returned for the images of a batch: a list, and the
        images, (B, C, H, W).

    Raises:
        ValueError: ``batch_size`` is not a positive integer, an image cannot
            be read or used (it is named), or no image is left.
    """
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(
            f'batch_size must be an integer of at least 1, got {batch_size!r}'
        )
    hidden = None if title else True
    bar = tqdm(total=len(inputs), desc=title, unit='image', disable=hidden)
    skipped = 0

    def prepared() -> Iterator[tuple[Tag, Tensor]]:
        nonlocal skipped
        for given in inputs:
            try:
                pixels = given.read(load)
            except ValueError as error:
                if not skip_corrupt:
                    raise ValueError(
                        f'{error}; to leave such files out: skip_corrupt '
                        f'(--skip-corrupt)'
                    ) from error
                print_log(f'skipped: {error}', 'current', logging.WARNING)
                skipped += 1
                continue
            try:
                yield prepare(given, pixels)
            except ValueError as error:
                raise ValueError(f'{given.name}: {error}') from error

    done = 0
    for batch in size_batches(prepared(), batch_size):
        tags, images = zip(*batch, strict=True)
        yield list(tags), torch.stack(images)
        done += len(batch)
        bar.update(done + skipped - bar.n)
    if not done:
        raise ValueError(f'none of the {len(inputs)} images could be read')
    if skipped:
        bar.set_postfix_str(f'{skipped} skipped')
    bar.update(len(inputs) - bar.n)
    bar.close()


def size_batches(
    images: Iterable[tuple[Tag, Tensor]], batch_size: int
) -> Iterator[list[tuple[Tag, Tensor]]]:
    """Group images (C, H, W) with their tags by size, in their order.

    A group of ``batch_size`` images is yielded when it is full. At most eight
    batches of images wait; beyond that, the group that has waited longest is
    yielded incomplete.
    """
    waiting: dict[tuple[int, ...], list[tuple[Tag, Tensor]]] = {}
    for tag, image in images:
        size = tuple(image.shape)
        group = waiting.setdefault(size, [])
        group.append((tag, image))
        if len(group) == batch_size:
            yield waiting.pop(size)
        elif sum(map(len, waiting.values())) >= 8 * batch_size:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()
