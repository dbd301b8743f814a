"""docs/evidence.md holds what the results hold."""

import copy

import pytest

from benchmarks.evidence.page import filled
from benchmarks.evidence.runs import ROOT
from benchmarks.evidence.specs import CAMPAIGN
from benchmarks.evidence.table import read_results
from tests.benchmarks.evidence.made_up_results import made_up

PAGE = ROOT / 'docs/evidence.md'


def test_the_page_says_what_the_results_say():
    results = read_results(ROOT / 'docs/evidence/results')
    page = PAGE.read_text()
    assert filled(page, results) == page


def test_every_result_is_in_the_page():
    """A changed figure changes the page, whichever run it is of."""
    results = made_up()
    page = filled(PAGE.read_text(), results)
    assert filled(page, results) == page
    for spec in CAMPAIGN:
        changed = copy.deepcopy(results)
        figures = changed[spec.name]['figures']
        figures[next(iter(figures))] += 0.1
        assert filled(page, changed) != page, spec.name


@pytest.mark.parametrize('count', [0, 2])
def test_a_page_must_have_each_block_once(count):
    page = PAGE.read_text()
    begin, end = '<!-- begin progress -->', '<!-- end progress -->'
    before, after = page.split(begin)[0], page.split(end)[1]
    page = before + f'{begin}\n{end}\n' * count + after
    with pytest.raises(ValueError, match='progress'):
        filled(page, {})
