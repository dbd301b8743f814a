"""Fixtures: a headless browser; checks of a page's console and requests."""

import os
import shutil

import pytest

NAMES = ('chromium', 'chromium-browser', 'google-chrome')


@pytest.fixture(scope='module')
def browser():
    """Start Chromium; tests skip without it, except in CI."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None and not os.environ.get('CI'):
        pytest.skip('NOT TESTED: no Chromium (apt-get install chromium)')
    assert path is not None, 'CI needs Chromium'
    api = pytest.importorskip('playwright.sync_api')
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=['--no-sandbox']
        )
        yield running
        running.close()


class Visit:
    """A page with its console messages and requests."""

    def __init__(self, browser, **options):
        self.page = browser.new_page(**options)
        self.errors, self.requests = [], []
        self.page.on('pageerror', lambda error: self.errors.append(str(error)))
        self.page.on(
            'console',
            lambda message: (
                self.errors.append(message.text)
                if message.type in ('error', 'warning')
                else None
            ),
        )
        self.page.on('request', lambda one: self.requests.append(one.url))

    def open(self, address):
        """Open an address and return the page."""
        self.page.goto(address)
        return self.page

    def check(self, own):
        """Assert an empty console and no requests to other addresses."""
        assert not self.errors
        others = [
            url
            for url in self.requests
            if not url.startswith((own, 'data:', 'blob:'))
        ]
        assert not others


@pytest.fixture
def visit(browser):
    """Return a function that opens a page, e.g. ``visit(viewport=...)``."""
    visits = []

    def new(**options):
        visits.append(Visit(browser, **options))
        return visits[-1]

    yield new
    for one in visits:
        one.page.close()
