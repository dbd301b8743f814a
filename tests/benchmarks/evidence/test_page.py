"""docs/evidence.md agrees with the stored results."""

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
