"""Escaping of text for terminals and logs."""

import os
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mixmae.fileio.shown_text import (
    LONGEST,
    escape,
    printable,
    printable_lines,
    shortened,
    shown_line,
    shown_lines,
    unescape,
)


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


def test_letters_and_spaces_are_kept():
    assert escape('Bilder/Ä 日本 .jpg') == 'Bilder/Ä 日本 .jpg'
    assert escape('a\tb\nc\\d') == 'a\\tb\\nc\\\\d'


@pytest.mark.parametrize('text', ['\\', 'a\\q', '\\x1', '\\u12', '\\xZZ'])
def test_text_that_was_not_escaped(text):
    with pytest.raises(ValueError, match='is not a valid escape'):
        unescape(text)


@pytest.mark.parametrize(
    ('text', 'shown'),
    [
        ('backbone.norm3.weight', 'backbone.norm3.weight'),
        ('größe/図 1\\n.png', 'größe/図 1\\n.png'),
        ('\x1b[2J\x1b]0;title\x07', '\\x1b[2J\\x1b]0;title\\x07'),
        ('\x9b31m', '\\x9b31m'),
        ('a\r\nb\tc\x00\x7f', 'a\\r\\nb\\tc\\x00\\x7f'),
        ('\u202egnp.exe\u2066\u200e', '\\u202egnp.exe\\u2066\\u200e'),
        ('\udc80\u2028', '\\udc80\\u2028'),
    ],
)
def test_one_line(text, shown):
    assert printable(text) == shown
    assert len(printable(text).splitlines()) == 1
    assert printable(printable(text)) == shown


def test_own_line_breaks_are_kept():
    text = 'one:\n\ttwo \x1b[31m\n\nthree\r'
    assert printable_lines(text) == 'one:\n\ttwo \\x1b[31m\n\nthree\\r'


def test_shortened():
    assert shortened('a\nb') == 'a\\nb'
    found = shortened('a' * 300 + '\x1b' + 'b' * 300, 20)
    assert found == f'{"a" * 10} ... {"b" * 10}'


NAME = 'a\x1b[2J\nb'
ADDRESS = 'https://u:password@host/x.pth?token=abcdef'
PROGRAM = f"""
import logging, sys, warnings
from mixmae.fileio.shown_text import guard_output
guard_output()
logging.basicConfig(format='%(message)s')
text = {NAME!r} + ' ' + {ADDRESS!r}
logging.getLogger('x').warning('logged %s', text)
logging.getLogger('x').warning('100% ' + text)
warnings.warn('warned ' + text)
raise ValueError('raised ' + text)
"""


def test_lines():
    shown = 'https://***@host/x.pth?token=***'
    assert shown_line(f'{NAME} {ADDRESS}') == f'a\\x1b[2J\\nb {shown}'
    assert shown_lines(f'{NAME} {ADDRESS}') == f'a\\x1b[2J\nb {shown}'
    assert len(shown_line('x' * 10**6)) < LONGEST + 10


def test_logs_warnings_and_tracebacks():
    done = subprocess.run(
        [sys.executable, '-c', PROGRAM], capture_output=True, text=True
    )
    for word in ('logged', '100%', 'warned', 'raised'):
        assert f'{word} a\\x1b[2J\nb' in done.stderr, done.stderr
    assert done.stderr.count('https://***@host/x.pth?token=***') == 4
    # Of the program only the traceback could show its text.
    assert '\x1b' not in done.stderr and 'password' not in done.stderr
    assert done.returncode == 1
