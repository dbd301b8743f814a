import json

import numpy as np
import pytest

from mixmae.visualization.loss_curve import (
    LossCurve,
    compare,
    comparison_line,
    draw_curves,
    read_reference,
    read_run,
    warnings_of,
    write_reference,
)


def curve(losses, first: int = 1) -> LossCurve:
    losses = np.asarray(losses, dtype=float)
    return LossCurve(
        np.arange(first, first + len(losses), dtype=float), losses
    )


def log(folder, name: str, rows: list[dict]) -> None:
    path = folder / name / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(json.dumps(row) for row in rows) + '\n')


def test_resumed_runs_are_joined(tmp_path):
    def row(epoch, iteration, loss):
        return dict(epoch=epoch, iter=iteration, loss=loss, step=iteration)

    first = [row(1, 5, 1.0), row(1, 10, 0.8), row(2, 15, 9.0)]
    log(tmp_path, '20260101_000000', [*first, {'probe/knn': 0.5, 'step': 1}])
    log(tmp_path, '20260102_000000', [row(2, 15, 0.7), row(2, 20, 0.5)])
    read = read_run(tmp_path)
    assert read.epochs.tolist() == [1, 2]
    np.testing.assert_allclose(read.losses, [0.9, 0.6])


def test_reference_round_trip(tmp_path):
    path = tmp_path / 'curves' / 'tiny.json'
    write_reference(path, curve([1.0, 0.5]), {'grade': 'reproduced here'})
    reference, about = read_reference(path)
    assert about == {'grade': 'reproduced here'}
    assert reference.losses.tolist() == [1.0, 0.5]
    assert read_run(path).losses.tolist() == [1.0, 0.5]


def test_files_without_a_curve_are_errors(tmp_path):
    with pytest.raises(ValueError, match='holds no .*scalars.json'):
        read_run(tmp_path)
    with pytest.raises(ValueError, match='there is no'):
        read_run(tmp_path / 'none')
    empty = tmp_path / 'empty.json'
    empty.write_text('{"a": 1}\n')
    with pytest.raises(ValueError, match='no training loss'):
        read_run(empty)
    with pytest.raises(ValueError, match='not a reference curve'):
        read_reference(empty)


@pytest.mark.parametrize(
    ('factor', 'word'),
    [(1.0, 'normal'), (1.04, 'normal'), (1.2, 'high')]
    + [(0.8, 'low'), (float('nan'), 'high')],
)
def test_comparison_lines(factor, word):
    reference = curve(np.geomspace(1, 0.3, 20))
    run = curve(reference.losses * factor)
    bands = compare(run, reference)
    assert len(bands) == 5
    if factor == factor:
        assert bands[2].ratio == pytest.approx(factor)
    assert comparison_line(bands, 0.05).startswith(word)


def test_reference_is_interpolated_and_early_deviations_are_named():
    reference = LossCurve(np.array([1.0, 11.0]), np.array([1.0, 0.5]))
    run = curve(np.linspace(1.0, 0.5, 11))
    assert all(
        band.ratio == pytest.approx(1) for band in compare(run, reference)
    )
    run.losses[:2] *= 2
    text = comparison_line(compare(run, reference), 0.05)
    assert text.startswith('normal') and 'outside it in epochs 1-3' in text
    with pytest.raises(ValueError, match='epochs 50 to 52.*1 to 11'):
        compare(curve([1, 1, 1], first=50), reference)


def test_known_failures_are_recognised():
    assert not warnings_of(curve(np.geomspace(1, 0.3, 20)))
    (flat,) = warnings_of(curve(np.full(20, 0.999)))
    assert 'stays at 1.0' in flat
    (nan,) = warnings_of(curve([1.0, 0.9, float('nan')]))
    assert 'from epoch 3' in nan
    (risen,) = warnings_of(curve([1.0, 0.7, 0.5, 0.6, 0.7, 0.9, 0.9, 0.9]))
    assert 'rose again' in risen


def test_draws_a_picture(tmp_path):
    path = tmp_path / 'plots' / 'loss.png'
    draw_curves(path, {'a': curve([1, 0.5]), 'b': curve([0.9, 0.4])})
    assert path.stat().st_size > 1000
