"""How mmcv's compiled ops are built and kept; the standard library only."""
