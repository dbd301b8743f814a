import json
import math
import re
import socket
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mixmae.visualization.report.report_page import write_part, write_report
from tests.visualization.report.runs import pretraining, write_run

HOSTILE = '</script><img src=x onerror=alert(1)>'


class Page(HTMLParser):
    """Tags, addresses and the data of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.data = [], [], ''
        self.in_data = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attrs = dict(attrs)
        self.in_data = attrs.get('id') == 'data'
        for name in ('src', 'href'):
            if name in attrs:
                self.addresses.append(attrs[name])

    def handle_data(self, data):
        if self.in_data:
            self.data += data

    def handle_endtag(self, tag):
        self.in_data = False


def test_the_page_is_self_contained(tmp_path):
    path = write_report([write_run(tmp_path / 'run', pretraining([3, 2]))])
    text = path.read_text()
    page = Page(text)
    assert all(a.startswith(('#', 'data:')) for a in page.addresses)
    assert len(text) < 1.5e6
    assert not re.search(r'@import|url\(\s*["\']?http', text)


def test_hostile_names_are_text(tmp_path):
    folder = tmp_path / 'run'
    config = f'work_dir = {HOSTILE!r}\n'
    rows = [{**row, f'probe/{HOSTILE}': 1.0} for row in pretraining([3, 2])]
    write_run(folder, rows, config=config)
    (folder / '20260101_000000/x.log').write_text(f'x - WARNING - {HOSTILE}\n')
    content = {'classes': [HOSTILE], 'confusion': [[1]], 'galleries': []}
    write_part(folder, 'predictions', '20260101_000000', content)
    text = write_report([folder]).read_text()
    page = Page(text)
    assert 'img' not in page.tags
    assert HOSTILE not in text
    data = json.loads(page.data)
    assert data['predictions'][0]['classes'] == [HOSTILE]


def test_the_page_contains_no_private_names(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, 'gethostname', lambda: 'secrethost')
    monkeypatch.setattr(Path, 'home', lambda: Path('/home/somebody'))
    config = (
        "load_from = 'https://me:password@example.org/x.pth?token=abc'\n"
        "work_dir = '/home/somebody/secrethost/run'\n"
    )
    folder = write_run(tmp_path / 'run', pretraining([3, 2]), config=config)
    text = write_report([folder]).read_text()
    for secret in ('password', 'token=abc', 'somebody', 'secrethost'):
        assert secret not in text


def test_compares_runs(tmp_path):
    folders = [
        write_run(tmp_path / name, pretraining(errors))
        for name, errors in (('one', [3, 2]), ('two', [4, 1]))
    ]
    out = tmp_path / 'both.html'
    assert write_report(folders, out) == out
    data = json.loads(Page(out.read_text()).data)
    assert data['names'] == ['one', 'two']
    loss = data['plots'][0]
    assert [series['y'] for series in loss['series']] == [[3, 2], [4, 1]]


def test_parts_of_an_overwritten_run_are_left_out(tmp_path):
    folder = write_run(tmp_path / 'run', pretraining([3, 2]))
    write_run(folder, pretraining([4]), '20260102_000000')
    old = {'unit': 'epoch', 'step': 2, 'titles': {}, 'images': []}
    write_part(folder, 'reconstructions_00000002', '20260101_000000', old)
    new = {**old, 'step': 1}
    write_part(folder, 'reconstructions_00000001', '20260102_000000', new)
    data = json.loads(Page(write_report([folder]).read_text()).data)
    assert [part['step'] for part in data['reconstructions'][0]] == [1]


def test_values_that_are_not_finite_leave_the_page_readable(tmp_path):
    rows = pretraining([0.9, math.nan])
    timestamp = '20260101_000000'
    write_run(tmp_path, rows, timestamp)
    image = {'original': 'data:image/png;base64,', 'loss': math.nan}
    content = dict(unit='epoch', step=2, titles={}, images=[image])
    write_part(tmp_path, 'reconstructions_2', timestamp, content)

    def fail(name):
        raise AssertionError(f'{name} is not JSON')

    text = write_report([tmp_path]).read_text()
    data = json.loads(Page(text).data, parse_constant=fail)
    assert data['reconstructions'][0][0]['images'][0]['loss'] is None


def test_needs_a_run():
    with pytest.raises(ValueError, match='at least one run'):
        write_report([])
