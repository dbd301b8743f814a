"""The command ``report``."""

import pytest

from mixmae.cli.commands import report


def test_a_folder_that_cannot_be_written():
    with pytest.raises(ValueError, match='report.html cannot be written'):
        report.main(['/proc/none'])
