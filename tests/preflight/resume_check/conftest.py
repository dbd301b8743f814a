"""Fixtures: a half-finished run, copied for each test, and its resume."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mmengine.runner import Runner

from mixmae.engine.manifest.manifest import Manifest
from tests.engine.tiny_run import write_config
from tests.preflight.resume_check.half_run import (
    TRAIN,
    folder_config,
    images,
)
from tests.tools.running import call_tool


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(Runner, '_log_env', lambda *_: None)


@pytest.fixture(scope='package')
def half(tmp_path_factory) -> Path:
    """Create a folder with images, a config, and a half-finished run."""
    folder = tmp_path_factory.mktemp('half')
    images(folder / 'images')
    path = write_config(folder / 'tiny.py', folder_config(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, '_log_env', lambda *_: None)
        call_tool(patch, TRAIN, path)
    # As if it had been killed in the second epoch.
    run = folder / 'run'
    for one in run.glob('epoch_2.pth*'):
        one.unlink()
    manifest = Manifest.read(run)
    del manifest.files['epoch_2.pth']
    manifest.finished = False
    manifest.write(run)
    (run / 'last_checkpoint').write_text('epoch_1.pth')
    return folder


@pytest.fixture
def folder(half, tmp_path) -> Path:
    """Copy the run to another place."""
    for name in ('images', 'run'):
        shutil.copytree(half / name, tmp_path / name)
    write_config(tmp_path / 'tiny.py', folder_config(tmp_path))
    return tmp_path


@pytest.fixture
def resume(folder, monkeypatch, capsys):
    """Call the tool; return its status and last line."""

    def call(*options: str, arguments: tuple = ()) -> tuple[int, str]:
        capsys.readouterr()
        more = ['--cfg-options', *options] if options else []
        status = 0
        config = folder / 'tiny.py'
        try:
            call_tool(
                monkeypatch, TRAIN, config, '--resume', *arguments, *more
            )
        except SystemExit as stop:
            status = stop.code
        said = capsys.readouterr()
        lines = (said.out + said.err).strip().splitlines()
        return status, lines[-1] if lines else ''

    return call
