"""Images of a folder in a viewer."""

from threading import Lock
from time import monotonic, sleep

import torch
from torch.nn.functional import normalize

from mixmae.viewer.viewed_folder import ImageFolder
from tests.apis.tiny_setup import photo_folder


def test_what_all_features_share_does_not_count(tmp_path):
    """Features of a fine-tuned network are nearly parallel."""
    photo_folder(tmp_path)
    folder = ImageFolder(tmp_path)
    count = len(folder.paths)
    assert count > 2
    own = torch.eye(count)
    own[1] = own[0]
    features = normalize(100 + own, dim=1)
    numbers = {path: number for number, path in enumerate(folder.paths)}
    folder.index([lambda path: features[numbers[path]]], Lock())
    end = monotonic() + 60
    while folder.indexed < count and monotonic() < end:
        sleep(0.01)
    found = folder.neighbours(0, features[0])
    similarity = {row['id']: row['similarity'] for row in found}
    assert {row['id'] for row in found[:2]} == {0, 1}
    assert min(similarity[0], similarity[1]) > 0.99
    assert all(similarity[i] < 0.5 for i in range(2, count))
