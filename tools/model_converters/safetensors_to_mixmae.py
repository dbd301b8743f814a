"""Writes a bare safetensors file of mixmae as a checkpoint.

Its counterpart is mixmae_to_safetensors.py. MIMSwin's init_cfg reads the file
as it is, too.

    python tools/model_converters/safetensors_to_mixmae.py SRC DST
"""

from __future__ import annotations

from mixmae.engine.command_line import run_tool
from mixmae.engine.conversion.conversion import run_conversion
from mixmae.engine.conversion.incoming import from_bare


def main(argv: list[str] | None = None) -> None:
    """Raises ValueError if nothing was written."""
    run_conversion(from_bare, __doc__, argv=argv)


if __name__ == '__main__':
    run_tool(main)
