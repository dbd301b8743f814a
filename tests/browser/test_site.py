"""Documentation site: it builds without warnings, and the search works."""

import subprocess
import sys

import pytest

from tests.engine.tiny_run import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    """Folder of the built site."""
    pytest.importorskip('sphinx', reason='requirements/docs.txt')
    folder = tmp_path_factory.mktemp('site')
    call = [sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q']
    done = subprocess.run(
        [*call, '-b', 'html', '-d', folder / 'trees', 'docs', folder / 'html'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / 'html'


def test_every_page_is_reached_from_the_first(site):
    pages = {path.stem for path in (ROOT / 'docs').glob('*.md')} - {'index'}
    first = (site / 'index.html').read_text()
    assert not [page for page in pages if f'"{page}.html"' not in first]


def test_search_works_offline(site, visit):
    opened = visit()
    page = opened.open(f'{(site / "search.html").as_uri()}?q=resume')
    page.wait_for_selector('#search-results li a')
    opened.check(site.as_uri())


@pytest.mark.parametrize('width', [1280, 390])
def test_pages_open_without_console_messages(site, visit, width):
    opened = visit(viewport={'width': width, 'height': 900})
    for name in ('index', 'methods', 'api', 'generated/zoo'):
        opened.open((site / f'{name}.html').as_uri())
    opened.check(site.as_uri())
