"""Fixtures of the converters' tests."""

import pytest
import torch

from tests.checkpoints.conversion.networks import (
    MIXMIM,
    NECK,
    PRETRAINING,
    SWIN,
    SWIN_MODEL,
    build,
    file_of,
    randomised,
)
from tests.tools.running import ROOT, call_tool

CONVERT = ROOT / 'tools' / 'convert.py'


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that converts: exit status, output, errors."""

    def call(pair, *arguments):
        source, target = pair.split('_to_')
        pair = f'--from={source}', f'--to={target}'
        status = 0
        try:
            call_tool(monkeypatch, CONVERT, *pair, *arguments)
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def swin(tmp_path):
    """Write a checkpoint of a detector with a Swin."""
    parts = {
        'backbone': randomised(build(SWIN)),
        'rpn_head': torch.nn.Linear(2, 2),
    }
    return file_of(tmp_path / 'swin.pth', parts, SWIN_MODEL)


@pytest.fixture
def pretraining(tmp_path):
    parts = {
        'backbone': randomised(build(MIXMIM)),
        'neck': randomised(build(NECK)),
    }
    return file_of(tmp_path / 'pretraining.pth', parts, PRETRAINING)
