import io

from mixmae.engine.progress_bar import ProgressBar, clock


def test_clock():
    assert clock(127.4) == '2:07'
    assert clock(-1) == '0:00'


def test_a_log_gets_a_line_per_tenth():
    stream = io.StringIO()
    bar = ProgressBar('scenes', 200, stream=stream)
    for done in range(1, 201):
        bar.update(done, 'loss 0.5')
    lines = stream.getvalue().splitlines()
    assert len(lines) == 11
    assert all('scenes' in line and 'loss 0.5' in line for line in lines)
    assert 'ETA' in lines[5] and 'in 0:00' in lines[-1]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_line_is_redrawn():
    stream = Terminal()
    bar = ProgressBar('scenes', 10, stream=stream)
    for done in range(11):
        bar.update(done)
    text = stream.getvalue()
    assert text.count('\r') == 11 and text.count('\n') == 1
