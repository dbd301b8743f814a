"""A tiny folder of scenes to spoil, and how to look at it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mixmae.data_tools.verification.image_files import Opening
from mixmae.data_tools.verification.verifier import Request, verify
from mixmae.datasets.scenes.scene_set import SceneSet

Look = Callable[..., list[str]]


@pytest.fixture(scope='session')
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 + 12 scenes of 16 pixels; not to be changed."""
    folder = tmp_path_factory.mktemp('rendered') / 'scenes'
    SceneSet(size=16, train=12, val=12).write(folder)
    return folder


@pytest.fixture
def scenes(rendered: Path, tmp_path: Path) -> Path:
    """A copy of the scenes to spoil."""
    return shutil.copytree(rendered, tmp_path / 'scenes')


@pytest.fixture
def look() -> Look:
    """Verifies a folder; returns the problems."""

    def verified(kind: str, root: Path, **options) -> list[str]:
        options.setdefault('opening', Opening('all'))
        return verify(Request(kind, root, **options)).problems

    return verified


@pytest.fixture
def edit(scenes: Path) -> Callable:
    """Changes the annotation file of the validation scenes."""
    path = scenes / 'coco' / 'annotations' / 'instances_val.json'

    def edited(change: Callable[[dict], object]) -> Path:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return path

    return edited
