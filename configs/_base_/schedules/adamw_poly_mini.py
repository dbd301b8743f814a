# AdamW for minutes on a CPU core; else as adamw_poly_160k.py.
_base_ = './adamw_poly_160k.py'

warmup_iters = 15
max_iters = 150
warmup_end = warmup_iters if warmup_iters < max_iters else max_iters // 2
# float32: convolutions of so few channels were ten times slower in bfloat16
# on our CPU.
optim_wrapper = dict(
    dtype='float32',
    optimizer=dict(lr=4e-3),
    paramwise_cfg=dict(layer_decay_rate=0.75),
)
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warmup_end),
    dict(_base_.param_scheduler[1], begin=warmup_end, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
