"""What reaches terminals and logs passes one gate."""

import subprocess
import sys

from mixmae.fileio.shown_text import LONGEST, shown_line, shown_lines

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
