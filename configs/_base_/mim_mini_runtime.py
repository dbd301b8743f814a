# The runtime of pretrainings that take an hour or two.
_base_ = './default_runtime.py'

default_hooks = dict(
    logger=dict(interval=25),
    checkpoint=dict(interval=5, max_keep_ckpts=2),
)
