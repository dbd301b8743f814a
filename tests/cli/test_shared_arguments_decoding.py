"""Command-line options for decoding images."""

import argparse

import pytest

from mixmae.cli.shared_arguments import (
    add_decoding_arguments,
    decoding_of,
)
from mixmae.datasets.images.image_decoding import ImageDecoding
from mixmae.datasets.transforms import LoadImage


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_decoding_arguments(parser)
    return decoding_of(parser.parse_args(arguments))


def test_without_options_files_are_read_as_by_a_loader_without_settings():
    assert parsed() == ImageDecoding() == LoadImage().decoding


def test_all_settings():
    loader = LoadImage(
        (1, 2, 3), value_range=(-0.5, 4095), extra_band='drop', channels=4
    )
    found = parsed(
        *('--value-range', '-0.5', '4095', '--extra-band', 'drop'),
        *('--background', '1', '2', '3', '--in-channels', '4'),
    )
    assert found == loader.decoding


def test_out_of_range():
    with pytest.raises(ValueError, match='value_range'):
        parsed('--value-range', '5', '5')
