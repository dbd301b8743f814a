"""Converts a Swin checkpoint of timm or Microsoft to mixmae's MIMSwin.

With its classifier. Every key is reported; if one does not fit, nothing is
written.

    python tools/model_converters/timm_to_mixmae.py SRC DST
        [--config CONFIG]
"""

from __future__ import annotations

from mixmae.engine.command_line import run_tool
from mixmae.engine.conversion.conversion import run_conversion
from mixmae.engine.conversion.incoming import from_timm


def main(argv: list[str] | None = None) -> None:
    """Raises ValueError if nothing was written."""
    run_conversion(from_timm, __doc__, argv=argv)


if __name__ == '__main__':
    run_tool(main)
