"""Viewer in a browser."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.viewer.served import served


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    """Address of a running viewer."""
    with served(tmp_path_factory.mktemp('viewer')) as server:
        yield server.address


def png():
    """Return the bytes of a PNG file."""
    file = io.BytesIO()
    pixels = np.arange(64 * 64 * 3).reshape(64, 64, 3) % 251
    Image.fromarray(pixels.astype(np.uint8)).save(file, 'PNG')
    return file.getvalue()


def ready(page):
    """Wait until no computation is running."""
    expect = pytest.importorskip('playwright.sync_api').expect
    page.wait_for_selector('#rows img', state='attached')
    expect(page.locator('#status')).to_have_text('')


def changed(place, before):
    """Wait until a picture has changed."""
    expect = pytest.importorskip('playwright.sync_api').expect
    expect(place).not_to_have_attribute('src', before, timeout=20_000)


@pytest.mark.parametrize('width', [1280, 360])
def test_an_upload_gives_a_reconstruction(visit, address, width):
    opened = visit(viewport={'width': width, 'height': 900})
    page = opened.open(address)
    ready(page)
    before = page.locator('#rows img').nth(2).get_attribute('src')
    page.locator('#file').set_input_files(
        {'name': 'a.png', 'mimeType': 'image/png', 'buffer': png()}
    )
    changed(page.locator('#rows img').nth(2), before)
    # Two networks.
    assert page.locator('#rows h3').count() == 2
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    opened.check(address)


def test_a_hostile_file_is_one_line(visit, address):
    opened = visit()
    page = opened.open(address)
    ready(page)
    page.locator('#file').set_input_files(
        {
            'name': '<img src=x onerror=alert(1)>.svg',
            'mimeType': 'image/svg+xml',
            'buffer': b'<svg onload="alert(1)"/>',
        }
    )
    page.wait_for_selector('#status.error')
    assert 'given file' in page.locator('#status').inner_text()
    # Chromium reports the status of the answer, 400, and nothing else.
    assert all('400' in error for error in opened.errors)


def test_cells_are_hidden_by_hand(visit, address):
    opened = visit(viewport={'width': 1280, 'height': 1400})
    page = opened.open(address)
    ready(page)
    # The mask applies to both networks.
    box = page.locator('#rows canvas').nth(1).bounding_box()
    before = page.locator('#rows img').nth(2).get_attribute('src')
    page.mouse.click(box['x'] + 3, box['y'] + 3)
    changed(page.locator('#rows img').nth(2), before)
    notes = page.locator('#rows .figures').filter(has_text='cells hidden')
    shown = notes.all_inner_texts()
    assert len(shown) == 2 and shown[0] == shown[1]
    opened.check(address)


def test_a_click_shows_similar_places(visit, address):
    opened = visit(viewport={'width': 1280, 'height': 1400})
    page = opened.open(address)
    ready(page)
    page.wait_for_selector('#heat[src]')
    before = page.locator('#heat').get_attribute('src')
    page.locator('#point').click(position={'x': 5, 'y': 5})
    changed(page.locator('#heat'), before)
    opened.check(address)
