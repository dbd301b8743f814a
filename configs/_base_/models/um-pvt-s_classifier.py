# UM-MAE's PVT-S, 256 pixels; keys from cells of 8, 4, 2, 1 tokens, positions
# that learn from where the frozen ones were; a new norm behind the pooling.
# Head, mixup and cutmix as in mim-swin-b_classifier.py.
# Source: implus/UM-MAE models_pvt.py.
_base_ = './mim-swin-b_classifier.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='mixmae.MIMPVT',
        arch='small',
        img_size=256,
        patch_size=4,
        sr_ratios=(8, 4, 2, 1),
        reduction='pool',
        patch_norm=False,
        block_norm_eps=1e-5,
        positions='learned',
        drop_path_rate=0.1,
        output_norms=False,
    ),
    neck=dict(type='mixmae.NormedPooling', in_channels=512),
    head=dict(in_channels=512),
)
