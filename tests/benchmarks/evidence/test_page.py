"""docs/evidence.md agrees with the stored results, other pages with it."""

import re

import pytest

from benchmarks.evidence.page import filled
from benchmarks.evidence.recipe import ROOT
from benchmarks.evidence.table import read_results

PAGE = ROOT / 'docs/evidence.md'


def test_the_page_agrees_with_the_results():
    results = read_results(ROOT / 'docs/evidence/results')
    page = PAGE.read_text()
    assert filled(page, results) == page


@pytest.mark.parametrize('count', [0, 2])
def test_a_page_must_have_each_block_once(count):
    page = PAGE.read_text()
    begin, end = '<!-- begin progress -->', '<!-- end progress -->'
    before, after = page.split(begin)[0], page.split(end)[1]
    page = before + f'{begin}\n{end}\n' * count + after
    with pytest.raises(ValueError, match='progress'):
        filled(page, {})


def rows(page):
    """Figures of each row, by its first cell: '0.431 ± 0.002' or '0.431'."""
    found = re.findall(r'^\| ([^|]+) \|(.*)\|$', page, re.M)
    return {
        name: re.findall(r'\d\.\d{3}(?: ± \d\.\d{3})?', cells)
        for name, cells in found
    }


def test_small_data_quotes_figures_of_the_page():
    block = PAGE.read_text().split('<!-- begin starts -->')[1]
    known = rows(block.split('<!-- end starts -->')[0])
    quoted = rows((ROOT / 'docs/small_data.md').read_text())
    shared = quoted.keys() & {name for name, cells in known.items() if cells}
    assert len(shared) >= 8
    for name in shared:
        assert not {*quoted[name]} - {*known[name]}, name
