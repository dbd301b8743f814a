"""Predictions of fine-tuned networks in a browser."""

import pytest

from tests.browser.test_viewer import changed, png, ready
from tests.full_tier import require_full_tier
from tests.viewer.served import served
from tests.viewer.task_checkpoints import RECIPES, task_checkpoint

pytestmark = pytest.mark.filterwarnings('ignore')
require_full_tier()


@pytest.fixture(scope='module')
def address(tmp_path_factory):
    """Address of a viewer with a network of each task."""
    # Names of best checkpoints are long.
    folder = tmp_path_factory.mktemp('best_single-label_f1-score_of_tasks')
    with served(folder, *(task_checkpoint(folder, t) for t in RECIPES)) as one:
        yield one.address


@pytest.mark.parametrize('width', [1280, 360])
def test_a_dropped_image_is_predicted(visit, address, width):
    opened = visit(viewport={'width': width, 'height': 900})
    page = opened.open(address)
    ready(page)
    place = page.locator('#rows .views').nth(1).locator('img').nth(0)
    before = place.get_attribute('src')
    page.locator('#file').set_input_files(
        {'name': 'a.png', 'mimeType': 'image/png', 'buffer': png()}
    )
    changed(place, before)
    tables = page.locator('#rows .table')
    assert tables.count() == 3
    assert tables.nth(0).locator('.row').count() == 4
    # Names are text.
    assert '<b>white</b>' in tables.nth(0).inner_text()
    assert page.locator('#rows b').count() == 0
    assert page.locator('#ratio').is_hidden()
    # Objects above the score have a box and a row each.
    expect = pytest.importorskip('playwright.sync_api').expect
    page.locator('#score').fill('0.05')
    expect(page.locator('.box').first).to_be_attached()
    ready(page)
    boxes = page.locator('.box').count()
    assert boxes == tables.nth(1).locator('.row').count() > 0
    page.locator('#score').fill('0.95')
    expect(page.locator('.box')).to_have_count(0)
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    opened.check(address)
