"""Pairs of images and label maps."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixmae.config.failure_report import AnnotationError
from mixmae.datasets.labels.mask_pairs import (
    pair_masks,
    read_pairs,
    write_pairs,
)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_names_with_and_without_a_last_word(tmp_path: Path) -> None:
    touch(tmp_path / 'i', '1.jpg', 'a/2.PNG', '3_b.jpg', '3.jpg')
    touch(tmp_path / 'm', '1.png', 'a/2_mask.png', '3_b.png', '3.tif')
    touch(tmp_path / 'm', 'no_image.png', 'notes.txt')
    pairs = pair_masks(tmp_path / 'i', tmp_path / 'm')
    assert pairs == [
        ('1.jpg', '1.png'),
        ('3.jpg', '3.tif'),
        ('3_b.jpg', '3_b.png'),
        ('a/2.PNG', 'a/2_mask.png'),
    ]


@pytest.mark.parametrize(
    ('masks', 'message'),
    [
        (['1.png', '1.tif'], 'image 1.jpg has several masks'),
        (['1_a.png', '1_b.png'], 'image 1.jpg has several masks'),
        (['2.png'], '1 of 1 images .* have no mask'),
    ],
)
def test_no_pairs(tmp_path: Path, masks: list[str], message: str) -> None:
    touch(tmp_path / 'i', '1.jpg')
    touch(tmp_path / 'm', *masks)
    with pytest.raises(AnnotationError, match=message):
        pair_masks(tmp_path / 'i', tmp_path / 'm')


def test_lists(tmp_path: Path) -> None:
    pairs = [('a b/1.jpg', 'm/1.png'), ('ü.jpg', '#2.png')]
    write_pairs(tmp_path / 'list.txt', pairs)
    assert read_pairs(tmp_path / 'list.txt') == pairs
    with pytest.raises(ValueError, match='rename the file'):
        write_pairs(tmp_path / 'list.txt', [('a\tb', 'c')])
    (tmp_path / 'list.txt').write_text('1.jpg 1.png\n')
    with pytest.raises(AnnotationError, match='line 1: .*one tab'):
        read_pairs(tmp_path / 'list.txt')
