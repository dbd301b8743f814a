"""Damaged checkpoints and files of other content."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tools.bad_input.fuzzing import (
    fuzz,
    values,
)
from tests.tools.workshop import Workshop

READERS = (
    ('train', '{config}', '--resume', '{checkpoint}'),
    ('train', '{config}', '--cfg-options', 'load_from={checkpoint}'),
    ('test', '{config}', '{checkpoint}'),
    ('convert', '--to=safetensors', '{checkpoint}', '{out}'),
    ('convert', '--from=official', '{checkpoint}', '{out}'),
    ('extract_features', '{checkpoint}', '{folder}', '--out', '{out}'),
)


def read(shop: Workshop, reader: tuple[str, ...], checkpoint: Path) -> int:
    out = shop.new('.safetensors')
    names = dict(
        config=shop.path, checkpoint=checkpoint, folder=shop.folder, out=out
    )
    status = shop.call(*(word.format(**names) for word in reader))
    assert status == 0 or not out.exists()
    return status


@fuzz
@given(st.sampled_from(READERS), st.data())
def test_damaged_checkpoints(shop, reader, data):
    content = bytearray(shop.checkpoint.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        # Most of what matters lies at both ends.
        place = data.draw(st.integers(-800, 800) | st.integers(0, 10**9))
        content[place % len(content)] ^= 1 << data.draw(st.integers(0, 7))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = shop.new('.pth')
    path.write_bytes(content)
    read(shop, reader, path)
    path.unlink()


PARTS = (
    *('state_dict', 'meta', 'optimizer', 'message_hub', 'param_schedulers'),
    *('meta.cfg', 'meta.epoch', 'meta.iter', 'meta.seed', 'meta.model'),
    *('meta.dataset_meta', 'state_dict.backbone.norm1.weight', 'model'),
    *('optimizer.state', 'optimizer.param_groups', 'meta.experiment_name'),
)


@fuzz
@given(
    st.sampled_from(READERS),
    st.lists(st.tuples(st.sampled_from(PARTS), values), max_size=3),
    values | st.just({}),
)
@example(READERS[0], [], [])
@example(READERS[2], [('state_dict', {})], {})
def test_checkpoints_of_other_things(shop, reader, changes, whole):
    good = torch.load(shop.checkpoint, weights_only=True)
    content = good if whole == {} else whole
    if isinstance(content, dict):
        content = copy.deepcopy(content)
        content.setdefault('message_hub', {})
        for name, value in changes:
            head, _, tail = name.partition('.')
            if tail and isinstance(content.get(head), dict):
                content[head][tail] = value
            else:
                content[head] = value
    path = shop.new('.pth')
    torch.save(content, path)
    read(shop, reader, path)
    path.unlink()
