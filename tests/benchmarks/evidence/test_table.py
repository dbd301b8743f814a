"""The tables of docs/evidence.md."""

import copy

import pytest

from benchmarks.evidence import table
from benchmarks.evidence.runs import ROOT
from benchmarks.evidence.specs import CAMPAIGN, FineTuning, Pretraining

PAGE = ROOT / 'docs/evidence.md'


def result(spec, **figures):
    seconds = {'measure': 30.0}
    if spec.epochs:
        seconds['train'] = 60.0 * spec.epochs
    return {'figures': figures, 'processor_seconds': seconds}


def made_up() -> dict:
    """A result for every run, no two alike."""
    results = {}
    for number, spec in enumerate(CAMPAIGN):
        share = number / len(CAMPAIGN)
        if isinstance(spec, FineTuning):
            results[spec.name] = result(spec, accuracy=share)
        else:
            figures = {'knn': share, 'linear': share}
            if spec.epochs:
                figures['ratio'] = 1 - share
            results[spec.name] = result(spec, **figures)
    return results


def test_the_page_says_what_the_results_say():
    results = table.read_results(ROOT / 'docs/evidence/results')
    page = PAGE.read_text()
    assert table.filled(page, results) == page


def test_every_result_is_in_the_page():
    """A changed figure changes the page, whichever run it is of."""
    results = made_up()
    page = table.filled(PAGE.read_text(), results)
    assert table.filled(page, results) == page
    for spec in CAMPAIGN:
        changed = copy.deepcopy(results)
        figures = changed[spec.name]['figures']
        figures[next(iter(figures))] += 0.1
        assert table.filled(page, changed) != page, spec.name


def test_what_is_missing_is_named():
    results = made_up()
    assert 'issing' not in table.progress(results)
    for spec in CAMPAIGN[:1] + CAMPAIGN[-1:]:
        some = {n: r for n, r in results.items() if n != spec.name}
        assert f'{len(some)} of {len(results)}' in table.progress(some)
        assert f'[{spec.seed}]' in table.progress(some)


def test_groups_join_seeds_and_nothing_else():
    grouped = []
    for images in ('train', 'selection'):
        for _, specs in table.groups(images):
            assert len({spec._replace(seed=0) for spec in specs}) == 1
            grouped += specs
    assert len(set(grouped)) == len(grouped)
    pretrainings = [s for s in CAMPAIGN if isinstance(s, Pretraining)]
    assert set(grouped) == set(pretrainings)


def test_spread():
    assert table.spread([]) == ''
    assert table.spread([0.5]) == '0.500 (1)'
    assert table.spread([0.25, 0.75], 2) == '0.50 ± 0.35 (2)'


@pytest.mark.parametrize('count', [0, 2])
def test_a_page_must_have_each_block_once(count):
    page = PAGE.read_text()
    begin, end = '<!-- begin progress -->', '<!-- end progress -->'
    before, after = page.split(begin)[0], page.split(end)[1]
    page = before + f'{begin}\n{end}\n' * count + after
    with pytest.raises(ValueError, match='progress'):
        table.filled(page, {})
