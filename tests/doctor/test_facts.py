"""What the doctor says is installed."""

import sys

from mixmae.doctor.facts import Facts, describe


def test_describe_with_nothing_installed() -> None:
    rows = dict(describe(Facts(python=sys.version_info[:2])))
    assert rows['torch'] == 'not installed'
    assert rows['mmcv.ops'] == 'none'
