# The mini Swin as UM-MAE builds Swin (log-coordinate bias, shifts, merging by
# convolution, no absolute positions), 128 pixels: what all three methods can
# pretrain, so that they differ only in masking, neck and head. Windows of 8
# tokens cover the grid in the last two stages.
model = dict(
    type='MaskedImageModel',
    data_preprocessor=dict(
        type='MaskingDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type='MIMSwin',
        arch=dict(
            embed_dims=32,
            depths=(1, 1, 4, 1),
            num_heads=(2, 4, 8, 16),
        ),
        img_size=128,
        patch_size=4,
        window_sizes=(8, 8, 8, 8),
        position_bias='log_coordinates',
        merging='conv',
        shift=True,
        absolute_positions=False,
        norm_eps=1e-6,
    ),
)
