"""Loss curve of a run: reading, comparison, and a plot as an image file.

The curves of the report are drawn by its page, ``report/page/report.js``.
"""

import json
import math
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, TypeGuard

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mixmae.fileio.atomic_write import atomic_write

# Loss of predicting the mean of each cell if targets are normalised per cell.
MEAN_PREDICTION_LOSS = 1.0
# Bands of epochs of a comparison.
BANDS = 5


class LossCurve(NamedTuple):
    """Mean training loss of each epoch."""

    epochs: np.ndarray
    """(N,) numbers of the epochs, counted from 1, ascending."""
    losses: np.ndarray
    """(N,) mean logged loss of each; may hold NaN."""

    @classmethod
    def of_rows(cls, rows: Sequence[dict]) -> 'LossCurve':
        """Average logged rows (``epoch``, ``loss``) per epoch.

        Raises:
            ValueError: No row has both, or they are not numbers.
        """
        found: dict[float, list[float]] = {}
        for row in rows:
            if 'epoch' in row and 'loss' in row:
                epoch, loss = row['epoch'], row['loss']
                if not (is_number(epoch) and is_number(loss)):
                    raise ValueError(
                        f'epoch and loss must be numbers, got {epoch!r} and '
                        f'{loss!r}'
                    )
                found.setdefault(epoch, []).append(float(loss))
        if not found:
            raise ValueError(
                'no training loss in it: rows with "epoch" and "loss" are '
                'needed, as the LoggerHook writes them'
            )
        epochs = sorted(found)
        means = [float(np.mean(found[epoch])) for epoch in epochs]
        return cls(np.array(epochs, dtype=float), np.array(means))


class Band(NamedTuple):
    """A range of epochs in which two curves are compared."""

    first: float
    last: float
    ratio: float
    """Mean loss of the run over that of the reference."""


def scalar_files(work_dir: Path) -> list[Path]:
    """Return the logs of a work folder, one for each process, in order.

    Raises:
        ValueError: There is none.
    """
    files = sorted(work_dir.glob('*/vis_data/scalars.json'))
    files += sorted(work_dir.glob('vis_data/scalars.json'))
    if not files:
        raise ValueError(
            f'{work_dir} holds no */vis_data/scalars.json; pass the work '
            'folder of a run with a LocalVisBackend in its config'
        )
    return files


def read_run(path: str | Path) -> LossCurve:
    """Read a work folder, its ``scalars.json``, or a curve's JSON.

    For a resumed run, later logs replace earlier ones of the same
    iterations.

    Raises:
        ValueError: The path contains no curve.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f'there is no {path}')
    if path.is_file() and (reference := _read_json(path)) is not None:
        return LossCurve.of_rows(reference['curve'])
    files = scalar_files(path) if path.is_dir() else [path]
    rows: dict[str, dict] = {}
    for file in files:
        for row in _rows(file):
            if 'loss' in row:
                rows[str(row.get('iter', f'row {len(rows)}'))] = row
    return LossCurve.of_rows(list(rows.values()))


def _rows(file: Path) -> list[dict]:
    """Read one JSON object per line; a kill may have truncated the last.

    Raises:
        ValueError: Another line is invalid.
    """
    lines = file.read_text(errors='replace').splitlines()
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            # MMEngine writes NaN literally, which Python's JSON reads.
            row = json.loads(line)
        # Nested too deep.
        except (ValueError, RecursionError):
            row = {} if number == len(lines) > 1 else None
        if not isinstance(row, dict):
            raise ValueError(
                f'{file}: line {number} is not a JSON object, as the '
                f'LoggerHook writes them: {line[:60]}'
            )
        rows.append(row)
    return rows


def _read_json(path: Path) -> dict | None:
    """Return the content if it is a JSON object with a curve, else None."""
    try:
        content = json.loads(path.read_text())
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or 'curve' not in content:
        return None
    rows = content['curve']
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) for row in rows
    ):
        raise ValueError(f'{path}: its "curve" must be a list of objects')
    return content


def is_number(value: object) -> TypeGuard[float]:
    """Return True for an int or a float, also NaN, but not for a bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read_reference(path: str | Path) -> tuple[LossCurve, dict]:
    """Read a reference curve and its metadata.

    Raises:
        ValueError: The file is missing or contains no curve.
    """
    path = Path(path)
    content = _read_json(path) if path.is_file() else None
    if content is None:
        raise ValueError(
            f'{path} is not a reference curve (JSON with "curve")'
        )
    about = {key: value for key, value in content.items() if key != 'curve'}
    return LossCurve.of_rows(content['curve']), about


def write_reference(path: str | Path, curve: LossCurve, about: dict) -> None:
    """Write a curve with its metadata (command, grade, ...)."""
    points = [
        {'epoch': float(epoch), 'loss': round(float(loss), 5)}
        for epoch, loss in zip(*curve, strict=True)
    ]
    lines = ',\n'.join(f'    {json.dumps(point)}' for point in points)
    head = json.dumps(about, indent=2)[:-2]
    comma = ',' if about else ''
    text = f'{head}{comma}\n  "curve": [\n{lines}\n  ]\n}}\n'
    with atomic_write(path) as partial:
        partial.write_text(text)


def compare(
    run: LossCurve, reference: LossCurve, num_bands: int = BANDS
) -> list[Band]:
    """Return the ratios of a run's losses to a reference's, per band.

    The reference is interpolated at the run's epochs. Bands have equal
    numbers of the run's epochs, as far as both curves reach.

    Raises:
        ValueError: The curves have no epoch in common.
    """
    if num_bands < 1:
        raise ValueError(f'there must be at least 1 band, got {num_bands}')
    low = reference.epochs[0]
    high = reference.epochs[-1]
    common = (run.epochs >= low) & (run.epochs <= high)
    if not common.any():
        raise ValueError(
            f'the run has epochs {run.epochs[0]:g} to {run.epochs[-1]:g}, the '
            f'reference {low:g} to {high:g}: nothing in common'
        )
    epochs, losses = run.epochs[common], run.losses[common]
    expected = np.interp(epochs, *reference)
    count = min(num_bands, len(epochs))
    parts = np.array_split(np.arange(len(epochs)), count)
    return [
        Band(
            float(epochs[part[0]]),
            float(epochs[part[-1]]),
            float(losses[part].mean() / expected[part].mean()),
        )
        for part in parts
    ]


def comparison_line(bands: Sequence[Band], tolerance: float) -> str:
    """Return one line: normal, high or low.

    The last band decides; earlier bands outside the tolerance are named.
    """
    last = bands[-1].ratio
    if not math.isfinite(last):
        return 'high: the loss is not finite'
    word = 'normal'
    if last > 1 + tolerance:
        word = 'high'
    elif last < 1 - tolerance:
        word = 'low'
    line = (
        f'{word}: at the end {last:.3f} times the reference '
        f'(tolerance {1 - tolerance:.2f} to {1 + tolerance:.2f})'
    )
    odd = [
        f'{band.first:g}-{band.last:g} ({band.ratio:.3f})'
        for band in bands[:-1]
        if not abs(band.ratio - 1) <= tolerance
    ]
    return f'{line}; outside it in epochs {", ".join(odd)}' if odd else line


def warnings_of(curve: LossCurve) -> list[str]:
    """Return warnings about known failure patterns in a single curve."""
    found = []
    bad = ~np.isfinite(curve.losses)
    if bad.any():
        found.append(
            f'the loss is not finite from epoch {curve.epochs[bad][0]:g} on: '
            'try optim_wrapper.dtype=float32, a lower lr, or '
            'optim_wrapper.clip_grad'
        )
    losses = curve.losses[~bad]
    late = losses[-max(1, len(losses) // 4) :]
    if len(losses) >= 5 and np.abs(late - MEAN_PREDICTION_LOSS).max() < 0.02:
        found.append(
            'the loss stays at 1.0, which with pixel norm is the loss of '
            'predicting the mean of each cell: nothing is learned; check lr '
            '(and its scaling by the batch size) and whether the images after '
            'the pipeline have any structure'
        )
    if len(losses) >= 5 and late.min() > 1.1 * losses.min():
        found.append(
            f'the loss rose again from {losses.min():.3f} to '
            f'{late.min():.3f}: diverging; try a lower lr or a longer warm-up'
        )
    return found


def draw_curves(
    path: str | Path, curves: dict[str, LossCurve], title: str = ''
) -> None:
    """Draw curves with their names into a PNG."""
    figure = Figure(figsize=(7, 4), dpi=120, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    styles = cycle(('-', '--', ':', '-.'))
    for (name, curve), style in zip(curves.items(), styles, strict=False):
        axes.plot(curve.epochs, curve.losses, style, label=name, linewidth=1.8)
    axes.set(xlabel='epoch', ylabel='training loss', title=title)
    axes.grid(alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    if len(curves) > 1:
        axes.legend(frameon=False)
    with atomic_write(path) as partial:
        figure.savefig(partial, format='png')
