"""The command ``report``: a page about one run, or several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mixmae.cli.command_line import CommandParser
from mixmae.fileio.atomic_write import check_output
from mixmae.visualization.report.report_page import NAME, write_report


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = CommandParser(
        description='Write the report of a run as one HTML file that opens '
        'offline; several runs are compared. Any work folder of MMEngine '
        'with a scalars.json is accepted.'
    )
    parser.add_argument('runs', nargs='+', metavar='RUN', help='work folder')
    parser.add_argument(
        '--out',
        metavar='FILE',
        help='the page (default: report.html in the first RUN)',
    )
    args = parser.parse_args(argv)
    check_output(args.out or Path(args.runs[0], NAME), '.html')
    print(write_report(args.runs, args.out))
