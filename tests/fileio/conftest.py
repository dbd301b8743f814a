"""Fixtures of tests of folder listings."""

import pytest

from tests.fileio.listed_folder import make


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'images'
    make(folder, 'b/2.JPG', 'b/1.jpg', 'a.png', 'c/d/e.jpg', 'note.txt')
    make(folder, '.hidden.jpg', '.git/x.jpg')
    return folder
