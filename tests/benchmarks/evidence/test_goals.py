"""Goals against results."""

import pytest

from benchmarks.evidence import goals
from benchmarks.evidence.specs import (
    EQUAL_TIME,
    FEW,
    LABELS,
    SCRATCH_EPOCHS,
    FineTuning,
    Pretraining,
)


def tuned(start: str, accuracy: float, epochs: int = LABELS[FEW]) -> dict:
    spec = FineTuning(start, FEW, epochs)
    return {spec.name: {'figures': {'accuracy': accuracy}}}


def rows(results: dict) -> list[list[str]]:
    lines = goals.goals_table(results).splitlines()[2:]
    return [[cell.strip() for cell in line.split('|')[1:-1]] for line in lines]


def test_without_results_nothing_is_claimed():
    for _, _, value, reached in rows({}):
        assert (value, reached) == ('not yet', '')


@pytest.mark.parametrize(
    ('scratch', 'longer', 'simmim', 'reached'),
    [
        (0.1, 0.3, 0.2, ['yes', 'yes', 'yes']),
        (0.2, 0.45, 0.38, ['no', 'no', 'no']),
    ],
)
def test_differences_are_in_points_and_judged(
    scratch, longer, simmim, reached
):
    time = EQUAL_TIME['short']
    results = {
        **tuned(Pretraining('mixmae', time['mixmae']).name, 0.39),
        **tuned(Pretraining('simmim', time['simmim']).name, simmim),
        **tuned('scratch', scratch),
        **tuned('scratch', longer, SCRATCH_EPOCHS[0]),
    }
    found = rows(results)[:3]
    assert [row[3] for row in found] == reached
    for row, other in zip(found, (scratch, longer, simmim), strict=True):
        assert float(row[2]) == pytest.approx(100 * (0.39 - other), abs=0.06)


def test_the_best_of_all_pretrainings_counts():
    results = {
        Pretraining('mixmae', 10).name: {
            'figures': {'knn': 0.5, 'ratio': 0.9}
        },
        Pretraining('mixmae', 20).name: {
            'figures': {'knn': 0.6, 'ratio': 1.1}
        },
        # Of another loss, and an untrained one: they do not count.
        Pretraining('simmim', 12).name: {
            'figures': {'knn': 0.1, 'ratio': 0.2}
        },
        Pretraining('mixmae', 0).name: {'figures': {'knn': 0.9}},
    }
    knn, ratio = rows(results)[-2:]
    assert knn[2:] == ['0.600', 'yes'] and '20 epochs' in knn[0]
    assert ratio[2:] == ['0.900', 'yes'] and '10 epochs' in ratio[0]
