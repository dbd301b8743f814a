"""Report of a run in a browser."""

import numpy as np
import pytest
import torch

from mixmae.visualization.pictures import embedded_image
from mixmae.visualization.report.class_predictions import counts_part
from mixmae.visualization.report.feature_map import feature_map
from mixmae.visualization.report.report_page import write_part, write_report
from tests.visualization.report.runs import pretraining, write_run

TITLES = {'original': 'original', 'input': 'mixed input', 'all': 'all cells'}
TIME = '20260101_000000'


def grey(value):
    """Return the data address of a picture of one grey value."""
    return embedded_image(np.full((32, 32, 3), value, np.uint8))


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    """Write the report of a run with all sections."""
    folder = tmp_path_factory.mktemp('runs') / 'a run'
    write_run(folder, pretraining([0.9, 0.8, 0.7, 0.6]))
    for step in (1, 2, 3):
        images = [
            {name: grey(20 * step + i) for i, name in enumerate(TITLES)}
            | {'loss': 0.5, 'mean_colour_loss': 0.6}
        ]
        content = dict(unit='epoch', step=step, titles=TITLES, images=images)
        write_part(folder, f'reconstructions_{step}', TIME, content)
    pictures = [np.full((9, 9, 3), 6 * i, np.uint8) for i in range(40)]
    points = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    labels = ['<b>cat</b>', 'cow'] * 20
    write_part(folder, 'features', TIME, feature_map(points, pictures, labels))
    gallery = {'title': 'Errors', 'images': [{'image': grey(9), 'text': 'x'}]}
    box = dict(box=[0.1, 0.2, 0.3, 0.4], text='<b>cow</b>', colour='#ff0000')
    pair = [{'image': grey(i), 'boxes': [box] * i} for i in (0, 1)]
    drawn = {
        'title': 'Best',
        'images': [{'pair': pair, 'text': 'y'}],
        'wide': True,
        'legend': {'<b>cow</b>': '#ff0000'},
    }
    content = counts_part(np.array([[3, 1], [0, 4]]), ['cat', 'cow'], 'images')
    content['galleries'] = [gallery, drawn]
    write_part(folder, 'predictions', TIME, content)
    return write_report([folder]).as_uri()


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [1280, 360])
def test_opens_without_console_messages(visit, report, width, scheme):
    opened = visit(
        viewport={'width': width, 'height': 800}, color_scheme=scheme
    )
    page = opened.open(report)
    opened.check(report)
    assert page.locator('.uplot').count() == 3
    # Wide parts have their own scroll bars.
    assert page.evaluate('document.documentElement.scrollWidth') <= width


def test_values_under_the_pointer(visit, report):
    page = visit(viewport={'width': 1280, 'height': 900}).open(report)
    plot = page.locator('.uplot').first
    plot.scroll_into_view_if_needed()
    box = plot.locator('.u-over').bounding_box()
    page.mouse.move(box['x'] + box['width'] - 1, box['y'] + 20)
    values = plot.locator('.u-legend .u-value').all_text_contents()
    assert values == ['4', '0.6']


def test_the_slider_moves_through_the_epochs(visit, report):
    opened = visit()
    page = opened.open(report)
    section = page.locator('#reconstructions')
    slider = section.locator('input[type=range]')
    shown = {}
    for position in (0, 1, 2):
        slider.fill(str(position))
        label = section.locator('.slider span').inner_text()
        shown[label] = section.locator('img').nth(1).get_attribute('src')
    assert list(shown) == ['epoch 1', 'epoch 2', 'epoch 3']
    assert len(set(shown.values())) == 3
    opened.check(report)


def test_points_show_their_image_and_names_are_text(visit, report):
    opened = visit(viewport={'width': 1280, 'height': 900})
    page = opened.open(report)
    dots = page.locator('#features .dot')
    assert dots.count() == 40
    names = page.locator('#features .legend > span').all_inner_texts()
    assert names == ['<b>cat</b>', 'cow']
    dots.first.focus()
    tip = page.locator('#features .tip')
    assert tip.inner_text() == '<b>cat</b>'
    assert 'data:image' in tip.locator('.thumb').get_attribute('style')
    assert page.locator('b').count() == 0
    opened.check(report)


def test_predictions_have_counts_figures_and_boxes(visit, report):
    opened = visit(viewport={'width': 1280, 'height': 900})
    section = opened.open(report).locator('#predictions')
    cells = section.locator('.confusion td').all_inner_texts()
    assert cells == ['3', '1', '', '4']
    rows = section.locator('.figures-of-classes tr')
    assert rows.nth(1).locator('td').all_inner_texts() == [
        'cat', '4', '1.000', '0.750', '0.857',
    ]  # fmt: skip
    assert section.locator('figure .boxed').count() == 2
    box = section.locator('.box')
    place, shown = (
        one.bounding_box() for one in (section.locator('.boxed').nth(1), box)
    )
    assert shown['width'] == pytest.approx(0.3 * place['width'], abs=1)
    assert box.get_attribute('title') == '<b>cow</b>'
    opened.check(report)
