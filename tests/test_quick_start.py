"""From photos and labels to predictions, as docs/quickstart.md does it."""

import csv
import json

import pytest
from PIL import Image

from tests.apis.own_data import COLOURS
from tests.full_tier import require_full_tier
from tests.quick_start import QuickStart, page_commands

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('quick start')]


@pytest.mark.parametrize('out', page_commands())
def test_every_line_of_the_page(quick_start: QuickStart, out: str) -> None:
    if 'classes' not in out:
        require_full_tier()
    said = quick_start.said(out)
    # Nothing of libraries, and no place in the code.
    for noise in ('OneDL', 'mmengine', '.py:', 'is not used', 'prefix'):
        assert noise not in said
    folder = quick_start.folder / out
    if out.startswith('predictions'):
        assert len([*(folder / 'pictures').iterdir()]) == 3
    else:
        assert (folder / 'config.py').is_file()


def test_three_class_folders(quick_start: QuickStart) -> None:
    quick_start.said('predictions/classes')
    path = quick_start.folder / 'predictions/classes/predictions.csv'
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 and {row['class'] for row in rows} <= set(COLOURS)


def test_gaps_in_ids_and_empty_images(quick_start: QuickStart) -> None:
    pytest.importorskip('mmcv.ops')
    assert '1 of them without objects' in quick_start.said('runs/objects')
    quick_start.said('predictions/objects')
    path = quick_start.folder / 'predictions/objects/predictions.json'
    content = json.loads(path.read_text())
    assert [one['id'] for one in content['categories']] == [3, 17, 90]


def test_palette_masks_from_one(quick_start: QuickStart) -> None:
    pytest.importorskip('mmcv.ops')
    assert 'the values run from 1' in quick_start.said('runs/regions')
    quick_start.said('predictions/regions')
    for path in quick_start.folder.glob('predictions/regions/masks/*.png'):
        with Image.open(path) as mask:
            assert mask.mode == 'P' and mask.getextrema()[0] >= 1
