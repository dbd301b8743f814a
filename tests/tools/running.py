"""Calls of tools as a user makes them."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.engine.tiny_run import ROOT


def load_tool(path: Path) -> ModuleType:
    """Return a tool as a module."""
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call_tool(
    monkeypatch: pytest.MonkeyPatch, path: Path, *arguments: object
) -> None:
    """Call a tool in this process, which is faster than ``run_tool``."""
    module = load_tool(path)
    monkeypatch.setattr(sys, 'argv', [str(path), *map(str, arguments)])
    module.run_tool(module.main)


def run_tool(
    *arguments: object, check: bool = True
) -> subprocess.CompletedProcess:
    """Run ``python <arguments>`` from the repository."""
    done = _run(sys.executable, *arguments)
    if check and done.returncode:
        raise AssertionError(done.stdout[-4000:] + done.stderr[-4000:])
    return done


def dist_train(
    *arguments: object, folder: Path = ROOT
) -> subprocess.CompletedProcess:
    """Run ``dist_train.sh <arguments>`` from a folder."""
    return _run(ROOT / 'tools/dist_train.sh', *arguments, folder=folder)


def _run(*words: object, folder: Path = ROOT) -> subprocess.CompletedProcess:
    environment = dict(
        os.environ,
        OMP_NUM_THREADS='1',
        # Of the scripts.
        PYTHON=sys.executable,
        # So that the tools find tests.engine.tiny_run, too.
        PYTHONPATH=str(ROOT),
        # As on a machine without a GPU, whatever this one has.
        CUDA_VISIBLE_DEVICES='',
    )
    return subprocess.run(
        list(map(str, words)),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
