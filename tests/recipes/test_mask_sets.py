"""Users' images and masks, paired, counted and split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mixmae.recipes.fine_tuning_settings import FineTuningOptions
from mixmae.recipes.mask_sets import read_mask_sets

DEFAULTS = FineTuningOptions()

COLOURS = np.array([[0, 0, 0], [250, 0, 0], [0, 0, 250]], np.uint8)


def write_images(
    folder: Path, count: int = 5, masks: str = 'masks', below: str = ''
) -> None:
    """Write images, and masks with the values 0 to 2."""
    for k in range(count):
        mask = np.zeros((12, 16), np.uint8)
        mask[: 2 + k] = 1 + k % 2
        for kind, pixels, suffix in (
            ('images', np.full((12, 16, 3), 9 + 20 * k, np.uint8), 'jpg'),
            (masks, mask, 'png'),
        ):
            path = folder / kind / below / f'{k}.{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)


def change(folder: Path, function) -> None:
    for path in folder.rglob('*.png'):
        function(np.asarray(Image.open(path))).save(path)


def test_folders_are_found_and_split(tmp_path: Path) -> None:
    write_images(tmp_path)
    sets = read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
    assert (len(sets.train), len(sets.val)) == (4, 1)
    for image, mask in sets.train + sets.val:
        assert (sets.root / image).is_file() and (sets.root / mask).is_file()
        assert Path(image).stem == Path(mask).stem
    total = (sets.pixels + sets.others).total()
    assert set(sets.pixels) <= {0, 1, 2} and total == 5 * 12 * 16


@pytest.mark.parametrize('inner', [True, False])
def test_splits(tmp_path: Path, inner: bool) -> None:
    for split, count in (('train', 3), ('val', 2)):
        folder = tmp_path if inner else tmp_path / split
        write_images(folder, count, 'labels', split if inner else '')
    sets = read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
    assert (len(sets.train), len(sets.val)) == (3, 2)


def test_colours_become_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path)
    change(tmp_path / 'masks', lambda m: Image.fromarray(COLOURS[m]))
    # As `--out runs/roofs`.
    monkeypatch.chdir(tmp_path)
    sets = read_mask_sets(tmp_path, Path('out'), DEFAULTS)
    # In the order of the colours, so blue comes before red.
    assert sets.colours == COLOURS[[0, 2, 1]].tolist()
    for image, mask in sets.train:
        with Image.open(sets.root / mask) as written:
            assert written.mode == 'P'
            colours = np.asarray(written.convert('RGB'))
        original = tmp_path / 'masks' / f'{Path(image).stem}.png'
        assert np.array_equal(colours, np.asarray(Image.open(original)))


def test_names_and_colours_of_cvat(tmp_path: Path) -> None:
    write_images(tmp_path)
    change(tmp_path / 'masks', lambda m: Image.fromarray(COLOURS[m]))
    lines = ['# label:color_rgb:parts:actions', 'sky:0,0,250::', 'car:250,0,0']
    (tmp_path / 'labelmap.txt').write_text('\n'.join(lines))
    with pytest.raises(ValueError, match=r'no line for colour \(0, 0, 0\)'):
        read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
    lines.append('background:0,0,0::')
    (tmp_path / 'labelmap.txt').write_text('\n'.join(lines))
    sets = read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
    assert sets.names == ('sky', 'car', 'background')


def test_grey_masks_saved_as_colours_keep_their_values(tmp_path: Path) -> None:
    write_images(tmp_path)
    change(tmp_path / 'masks', lambda m: Image.fromarray(m).convert('RGB'))
    sets = read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
    assert set(sets.pixels + sets.others) == {0, 1, 2}


def test_smoothed_colours(tmp_path: Path) -> None:
    write_images(tmp_path)
    noise = np.random.default_rng(0)
    change(
        tmp_path / 'masks',
        lambda m: Image.fromarray(
            noise.integers(0, 255, (*m.shape, 3), np.uint8)
        ),
    )
    with pytest.raises(ValueError, match='more than 60 colours'):
        read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)


def test_data_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='one must hold images'):
        read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
    write_images(tmp_path)
    change(tmp_path / 'masks', lambda m: Image.fromarray(m).resize((15, 12)))
    with pytest.raises(ValueError, match='both must have one size'):
        read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
    (tmp_path / 'masks/3.png').unlink()
    with pytest.raises(ValueError, match='1 of 5 images .* have no mask'):
        read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)


def test_masks_saved_as_jpeg(tmp_path: Path) -> None:
    write_images(tmp_path)
    for path in sorted((tmp_path / 'masks').glob('*.png')):
        path.rename(path.with_suffix('.JPG'))
    with pytest.raises(ValueError, match='export them as PNG'):
        read_mask_sets(tmp_path, tmp_path / 'out', DEFAULTS)
