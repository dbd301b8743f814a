# UperNet on our Swin, as mmseg builds it on its own: 512 channels, an FCN
# head on stage 3 whose loss counts 0.4.
# Sources: UperNet, 1807.10221; channels and weight of mmseg's Swin configs.
#
# SyncBN wants GPUs. On a CPU, one process:
#   --cfg-options model.decode_head.norm_cfg.type=BN
#   model.auxiliary_head.norm_cfg.type=BN
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(512, 512),
    ),
    # img_size is the pretraining's: positions are resized from its grid.
    # Windows of 16 divide the grids of a 512-pixel crop: 128, 64, 32, 16.
    backbone=dict(
        type='mixmae.MIMSwin',
        arch='base',
        img_size=224,
        patch_size=4,
        window_sizes=(16, 16, 16, 16),
        out_indices=(0, 1, 2, 3),
        drop_path_rate=0.3,
    ),
    decode_head=dict(
        type='UPerHead',
        in_channels=[128, 256, 512, 1024],
        in_index=[0, 1, 2, 3],
        pool_scales=(1, 2, 3, 6),
        channels=512,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0
        ),
    ),
    auxiliary_head=dict(
        type='FCNHead',
        in_channels=512,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=150,
        norm_cfg=norm_cfg,
        align_corners=False,
        loss_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=False, loss_weight=0.4
        ),
    ),
    train_cfg=dict(),
    # Crops that overlap by a third. For the full image at once:
    #   --cfg-options model.test_cfg.mode=whole
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)),
)
