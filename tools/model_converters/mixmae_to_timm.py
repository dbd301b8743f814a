"""Deprecated: ``tools/convert.py SRC DST --from mixmae --to timm``."""

from mixmae.cli.convert import run_replaced_script

run_replaced_script(__file__)
