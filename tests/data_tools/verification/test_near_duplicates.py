"""Images of different splits that look alike."""

import numpy as np
import pytest
from PIL import Image

from mixmae.data_tools.verification.near_duplicates import difference_hash
from mixmae.data_tools.verification.unlabelled_set import verify_image_folder


def scene(seed):
    """Return a smooth picture."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
    return Image.fromarray(noise).resize((150, 120), Image.Resampling.BICUBIC)


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def test_copies_of_other_size_and_compression_are_found(tmp_path):
    for seed in range(12):
        save(scene(seed), tmp_path / 'Train' / 'a' / f'{seed}.png')
        save(scene(100 + seed), tmp_path / 'val' / 'a' / f'{seed}.png')
    # Without contrast everything looks alike.
    for split in ('Train', 'val'):
        save(Image.new('RGB', (90, 90), 'black'), tmp_path / split / 'b.png')
    found = verify_image_folder(tmp_path)
    assert not [note for note in found.notes if 'look like' in note]
    small = scene(3).resize((75, 60))
    save(small, tmp_path / 'val' / 'z' / 'copy.jpg', quality=60)
    (note,) = [n for n in verify_image_folder(tmp_path).notes if 'like' in n]
    assert note.startswith('1 images of val look like images of train')
    assert 'val/z/copy.jpg and Train/a/3.png' in note


def test_folders_that_are_no_splits_are_not_compared(tmp_path):
    for folder in ('red', 'blue'):
        save(scene(0), tmp_path / folder / '0.png')
    assert verify_image_folder(tmp_path).notes == []


@pytest.mark.parametrize('channels', [1, 3, 5])
def test_any_number_of_channels(channels):
    values = np.random.default_rng(0).random((40, 50, channels)) * 255
    image_hash = difference_hash(values.astype(np.float32))
    assert image_hash is not None and 0 <= image_hash < 2**64
