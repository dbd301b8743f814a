"""Work folders of runs, written without a training."""

import json
from pathlib import Path


def write_run(folder: Path, rows, timestamp='20260101_000000', config=''):
    """Write the scalars of one process as MMEngine's backend does."""
    data = folder / timestamp / 'vis_data'
    data.mkdir(parents=True)
    lines = [json.dumps(row) for row in rows]
    (data / 'scalars.json').write_text('\n'.join(lines) + '\n')
    if config:
        (data / 'config.py').write_text(config)
    return folder


def train_row(iteration, loss, epoch=None, **values):
    """Row of the LoggerHook in training."""
    row = {'iter': iteration, 'step': iteration, 'loss': loss, **values}
    return row if epoch is None else {**row, 'epoch': epoch}


def pretraining(errors, filling=1.0):
    """Rows of a pretraining with these held-out errors, one per epoch."""
    rows = []
    for epoch, error in enumerate(errors, start=1):
        rows.append(train_row(10 * epoch, error, epoch, lr=0.1))
        rows.append(
            {
                'step': epoch,
                'reconstruction/loss': error,
                'reconstruction/mean_colour_loss': filling,
                'reconstruction/ratio': error / filling,
            }
        )
    return rows
