"""``mixmae pretrain``: arguments."""

import argparse

from mixmae.cli.commands.pretrain import add_pretraining_arguments


def test_a_value_range_is_measured_or_two_numbers():
    parser = argparse.ArgumentParser()
    add_pretraining_arguments(parser)
    call = ['--out', 'run', '--data', 'photos']
    assert parser.parse_args(call).value_range == 'auto'
    given = parser.parse_args([*call, '--value-range', '0', '4095'])
    assert given.value_range == [0.0, 4095.0]
