# AdamW for minutes on a CPU core; else as adamw_poly_160k.py.
_base_ = './adamw_poly_160k.py'

warmup_iters = 20
max_iters = 200
# float32: convolutions of so few channels were ten times slower in bfloat16
# on our CPU. One rate for all layers, so that a network from scratch can be
# trained with the same settings.
optim_wrapper = dict(
    dtype='float32',
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(layer_decay_rate=1.0),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1e-6,
        by_epoch=False,
        begin=0,
        end=warmup_iters,
    ),
    dict(
        type='PolyLR',
        eta_min=0.0,
        power=1.0,
        by_epoch=False,
        begin=warmup_iters,
        end=max_iters,
    ),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
