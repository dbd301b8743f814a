"""Text that terminals show as it is."""

import pytest

from mixmae.fileio.printable import printable, printable_lines, shortened


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


def test_lines_of_ours_stay():
    text = 'one:\n\ttwo \x1b[31m\n\nthree\r'
    assert printable_lines(text) == 'one:\n\ttwo \\x1b[31m\n\nthree\\r'


def test_shortened():
    assert shortened('a\nb') == 'a\\nb'
    found = shortened('a' * 300 + '\x1b' + 'b' * 300, 20)
    assert found == f'{"a" * 10} ... {"b" * 10}'
