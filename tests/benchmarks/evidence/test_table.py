"""Tables of the campaign's results."""

from benchmarks.evidence import table
from benchmarks.evidence.specs import CAMPAIGN, Pretraining
from tests.benchmarks.evidence.made_up_results import made_up


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
