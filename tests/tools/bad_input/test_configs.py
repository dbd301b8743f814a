"""Arbitrary settings and config files."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.engine.tiny_run import tiny_config
from tests.tools.bad_input.fuzzing import (
    fuzz,
    junk,
    keys_below,
    values,
)

KEYS = sorted(keys_below('', tiny_config(Path('run'))))


@fuzz
@given(
    st.lists(st.tuples(st.sampled_from(KEYS), junk), min_size=1, max_size=2),
    st.sampled_from(['', '.x', '.0', '.']),
)
def test_settings(shop, pairs, more):
    options = [f'{key}{more}={value}' for key, value in pairs]
    shop.call('train', shop.path, '--cfg-options', *options)


@fuzz
@given(st.data())
def test_config_files(shop, data):
    text = shop.path.read_text()
    first = data.draw(st.integers(0, len(text)))
    last = first + data.draw(st.sampled_from([0, 1, 3, 40, len(text)]))
    path = shop.new('.py')
    path.write_text(text[:first] + data.draw(junk) + text[last:])
    shop.call('train', path)
    path = shop.new('.json')
    path.write_text(json.dumps(data.draw(values)))
    shop.call('test', path, shop.checkpoint)
