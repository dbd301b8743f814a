# UM-MAE's Swin-T, 256 pixels, windows of 16 tokens; a new norm after the
# pooling instead of the pretrained one before it. Head, mixup and cutmix as in
# mim-swin-b_classifier.py.
# Source: implus/UM-MAE models_swin.py.
_base_ = './mim-swin-b_classifier.py'

model = dict(
    backbone=dict(
        arch='tiny',
        img_size=256,
        window_sizes=(16, 16, 16, 16),
        position_bias='log_coordinates',
        merging='conv',
        shift=True,
        absolute_positions=False,
        drop_path_rate=0.1,
        norm_eps=1e-6,
        block_norm_eps=1e-5,
        output_norms=False,
    ),
    neck=dict(type='mixmae.NormedPooling', in_channels=768),
    head=dict(in_channels=768),
)
