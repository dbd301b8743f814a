"""Arbitrary annotations and loss curves."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.tools.bad_input.fuzzing import (
    fuzz,
    keys_below,
    values,
)

COCO = dict(
    images=[dict(id=1, file_name='a.jpg', height=8, width=8)],
    annotations=[
        dict(
            id=1,
            image_id=1,
            category_id=1,
            bbox=[0, 0, 4, 4],
            area=16,
            iscrowd=0,
            segmentation=[[0, 0, 4, 0, 4, 4]],
        )
    ],
    categories=[dict(id=1, name='person')],
)


@fuzz
@given(st.sampled_from(sorted(keys_below('', COCO))), values, st.booleans())
def test_annotations(shop, key, value, cut):
    content = copy.deepcopy(COCO)
    *above, last = key.split('.')
    part: Any = content
    for name in above:
        part = part[int(name) if isinstance(part, list) else name]
    part[int(last) if isinstance(part, list) else last] = value
    text = json.dumps(content)
    root = shop.new('')
    for split in ('train', 'val'):
        (root / f'{split}2017').mkdir(parents=True)
        path = root / 'annotations' / f'instances_{split}2017.json'
        path.parent.mkdir(exist_ok=True)
        path.write_text(text[: len(text) // 2] if cut else text)
    arguments = ('coco', root, '--subset', '--workers', 1)
    shop.call('dataset_converters/check_dataset', *arguments)


@fuzz
@given(values, values)
def test_curves(shop, row, reference):
    run, path = shop.new('.json'), shop.new('.json')
    good = dict(iter=1, epoch=1, step=1, loss=1.0)
    rows = [good, {**good, **(row if isinstance(row, dict) else {})}, row]
    run.write_text('\n'.join(map(json.dumps, rows)))
    path.write_text(json.dumps(reference))
    name = 'analysis_tools/compare_curve'
    shop.call(name, run, path)
    saved = shop.new('.json')
    if shop.call(name, run, '--save-reference', saved) == 0:
        shop.call(name, run, saved)
