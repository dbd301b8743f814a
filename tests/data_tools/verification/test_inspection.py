"""Verification of image files: selection and messages."""

import os

import pytest
from PIL import Image

from mixmae.data_tools.verification.inspection import (
    SAMPLE,
    Opening,
    inspect_chosen,
    inspect_image,
    inspected,
)
from mixmae.datasets.labels.label_maps import read_label_map


def test_selected_files():
    assert Opening('none').choose(5) == []
    assert Opening('all').choose(5) == [0, 1, 2, 3, 4]
    assert Opening('sample').choose(SAMPLE) == list(range(SAMPLE))
    chosen = Opening('sample').choose(5 * SAMPLE)
    assert len(chosen) == SAMPLE and chosen == sorted(set(chosen))
    assert chosen[0] == 0 and chosen[-1] == 5 * SAMPLE - 1
    assert Opening('all').choose(5 * SAMPLE) == list(range(5 * SAMPLE))


def test_bad_arguments():
    with pytest.raises(ValueError, match="got 'some'"):
        Opening('some')
    with pytest.raises(ValueError, match='got -1'):
        Opening(workers=-1)


@pytest.mark.parametrize('workers', [0, 2])
def test_order_is_kept_and_every_fault_found(tmp_path, workers):
    paths = [tmp_path / f'{i}.png' for i in range(40)]
    for i, path in enumerate(paths):
        Image.new('RGB', (i + 1, 7)).save(path)
    paths[5].write_bytes(b'')
    paths[20].write_bytes(paths[20].read_bytes()[:50])
    paths[30].unlink()
    found = list(
        inspect_chosen(inspect_image, paths, Opening('all', workers), 'test')
    )
    assert [index for index, _ in found] == list(range(40))
    faults = {index for index, content in found if content.fault}
    assert faults == {5, 20, 30}
    sizes = [c.oriented.upright for i, c in found if i not in faults]
    assert sizes == [(i + 1, 7) for i in range(40) if i not in faults]


def test_a_truncated_photograph(tmp_path):
    """A check of the header alone would pass it."""
    path = tmp_path / 'a.jpg'
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    [(_, content)] = inspect_chosen(
        inspect_image, [path], Opening('all'), 'test'
    )
    assert content.cause == 'truncated'
    assert content.fault.startswith('truncated (OSError: ')


def test_decompression_bombs_are_faults(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    Image.new('RGB', (64, 64)).save(path)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    [(_, content)] = inspect_chosen(
        inspect_image, [path], Opening('all'), 'test'
    )
    assert content.fault.startswith('too large (Image size (4096 pixels)')
    assert content.cause == 'too large'


def die(path):
    os._exit(1)


def test_a_killed_worker_is_an_error():
    with pytest.raises(ValueError, match='was killed.*shortly after 0.png'):
        names = [f'{i}.png' for i in range(40)]
        list(inspected(die, names, Opening('all', 2)))


def test_values_of_a_label_map(tmp_path):
    path = tmp_path / 'a.png'
    image = Image.new('L', (3, 2), 7)
    image.putpixel((0, 0), 255)
    image.save(path)
    content = read_label_map(str(path))
    assert content.values == ((7, 5), (255, 1))
