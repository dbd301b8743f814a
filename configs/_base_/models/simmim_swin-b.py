# SimMIM with its Swin-B, 192 pixels, windows of 6 tokens.
# Source: microsoft/SimMIM models/simmim.py and data/data_simmim.py.
model = dict(
    type='MaskedImageModel',
    data_preprocessor=dict(
        type='MaskingDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
        # 22 of 36 cells, drawn for each image.
        masking=dict(
            type='RandomMasking',
            ratio=0.6,
            cell=32,
            shared=False,
            rounding='ceil',
        ),
    ),
    # The usual Swin: bias tables, shifted windows, no absolute positions.
    backbone=dict(
        type='MIMSwin',
        arch='base',
        img_size=192,
        patch_size=4,
        window_sizes=(6, 6, 6, 6),
        shift=True,
        absolute_positions=False,
    ),
    neck=dict(
        type='SimMIMNeck',
        in_channels=1024,
        token_channels=128,
        cell=32,
        stride=32,
    ),
    head=dict(type='MaskedReconstructionHead', norm_pixels=False, loss='l1'),
)
