"""Contenders of the loader's benchmark make the same crops."""

import json
import sys

import cv2
import pytest
import torch

from benchmarks import loader
from benchmarks.contender import function_of


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])


@pytest.fixture
def found(tmp_path, monkeypatch):
    given = ['--images', '3', '--size', '64', '--short-side', '200']
    monkeypatch.setattr(sys, 'argv', ['loader', *given])
    args = loader.parse_args()
    return {one.name: one for one in loader.contenders(args, tmp_path)}


def test_figures(found):
    names = ['mmpretrain', 'exact', 'fast', 'shards', 'shards-200']
    assert list(found) == [*names[:3], 'fast-pillow', *names[3:]]
    for name in names:
        settings = json.loads(json.dumps(found[name].settings))
        figures = function_of(found[name].entry_name)(settings)
        assert figures['images'] == 3 and figures['images_per_second'] > 0
        least = 36 if name in ('fast', 'shards', 'shards-200') else 99
        assert figures['psnr_mean'] >= figures['psnr_min'] >= least
        smaller = figures['kilobytes'] < 60
        assert smaller == (name == 'shards-200')


def test_one_does_without_the_fast_decoder(found, monkeypatch):
    decoder = loader.jpeg_decoder.simplejpeg
    monkeypatch.setattr(loader.jpeg_decoder, 'simplejpeg', decoder)
    figures = loader.measure(dict(found['fast-pillow'].settings))
    assert loader.jpeg_decoder.simplejpeg is None
    assert figures['psnr_min'] > 45


@pytest.mark.parametrize(
    'given', [['--size', '0'], ['--data', 'nowhere'], ['--rounds', '0']]
)
def test_bad_options(given, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['loader', *given])
    with pytest.raises(SystemExit) as caught:
        loader.parse_args()
    assert caught.value.code == 2
    assert given[0] in capsys.readouterr().err
