"""Deprecated: ``tools/convert.py SRC DST --from timm --to mixmae``."""

from mixmae.cli.commands.convert import run_replaced_script

run_replaced_script(__file__)
