"""Fixtures: a tiny folder of scenes, and functions to damage and verify it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mixmae.data_tools.verification.inspection import Opening
from mixmae.data_tools.verification.verifier import verify
from mixmae.datasets.scenes.scene_set import SceneSet

Look = Callable[..., list[str]]


@pytest.fixture(scope='session')
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Render 12 + 12 scenes of 16 pixels, which tests must not change."""
    folder = tmp_path_factory.mktemp('rendered') / 'scenes'
    SceneSet(size=16, train=12, val=12).write(folder)
    return folder


@pytest.fixture
def scenes(rendered: Path, tmp_path: Path) -> Path:
    """Copy the scenes for changes."""
    return shutil.copytree(rendered, tmp_path / 'scenes')


@pytest.fixture
def look() -> Look:
    """Return a function that verifies a folder and returns the problems."""

    def verified(kind: str, root: Path, **options) -> list[str]:
        options.setdefault('opening', Opening('all'))
        return verify(kind, root, **options).problems

    return verified


@pytest.fixture
def edit(scenes: Path) -> Callable:
    """Return a function that edits the validation annotation file."""
    path = scenes / 'coco' / 'annotations' / 'instances_val.json'

    def edited(change: Callable[[dict], object]) -> Path:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return path

    return edited
