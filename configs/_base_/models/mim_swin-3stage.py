# A Swin of three stages for 96 pixels: 36 cells of 16 pixels, one token of the
# last stage each. All three methods can pretrain it, so that they differ in
# masking, neck and head alone: log-coordinate biases take the gathered tokens
# of UM-MAE. No stage has a second window block where a shift could matter.
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
        arch=dict(embed_dims=48, depths=(1, 1, 6), num_heads=(3, 6, 12)),
        img_size=96,
        patch_size=4,
        window_sizes=(12, 12, 6),
        position_bias='log_coordinates',
    ),
)
