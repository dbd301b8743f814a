"""Paths on one line, and back."""

import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mixmae.fileio.escaped_path import escape, unescape


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30).map(os.fsdecode) | st.text(max_size=30))
@example('a\\nb')
@example('\\')
@example('\x85\u2028')
def test_round_trip(path):
    text = escape(path)
    assert unescape(text) == path
    assert len(text.splitlines()) <= 1
    assert '\t' not in text
    text.encode()


def test_letters_and_spaces_stay():
    assert escape('Bilder/Ä 日本 .jpg') == 'Bilder/Ä 日本 .jpg'
    assert escape('a\tb\nc\\d') == 'a\\tb\\nc\\\\d'


@pytest.mark.parametrize('text', ['\\', 'a\\q', '\\x1', '\\u12', '\\xZZ'])
def test_what_was_not_escaped(text):
    with pytest.raises(ValueError, match='stands for no character'):
        unescape(text)
