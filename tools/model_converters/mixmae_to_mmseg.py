"""Deprecated: ``tools/convert.py SRC DST --from mixmae --to mmseg``."""

from mixmae.cli.convert import run_replaced_script

run_replaced_script(__file__)
