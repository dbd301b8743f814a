# GFL (2006.04388) with FPN on UM-MAE's Swin-T. As officially, each stage is
# normed and mapped linearly to 768 channels before the pyramid begins.
# Source: implus/UM-MAE DET/configs/gfl; the detector's own settings are those
# of its paper.
# Windows of 16 tokens divide the grids of a 1024-pixel crop (256, 128, 64 and
# 32); the backbone pads other grids and crops them back.
#
# SyncBN wants GPUs. On a CPU, one process:
#   --cfg-options model.neck.1.norm_cfg.type=BN
model = dict(
    type='GFL',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
        batch_augments=[dict(type='BatchFixedSizePad', size=(1024, 1024))],
    ),
    # img_size is the pretraining's; without absolute positions nothing
    # depends on it.
    backbone=dict(
        type='mixmae.MIMSwin',
        arch='tiny',
        img_size=256,
        patch_size=4,
        window_sizes=(16, 16, 16, 16),
        position_bias='log_coordinates',
        merging='conv',
        shift=True,
        absolute_positions=False,
        drop_path_rate=0.1,
        # The pyramid begins at stage 1: nothing of stage 0 is left unused.
        out_indices=(1, 2, 3),
        norm_eps=1e-6,
        block_norm_eps=1e-5,
    ),
    neck=[
        dict(
            type='ChannelMapper',
            in_channels=[192, 384, 768],
            kernel_size=1,
            out_channels=768,
            act_cfg=None,
        ),
        dict(
            type='FPN',
            in_channels=[768, 768, 768],
            out_channels=256,
            add_extra_convs='on_output',
            num_outs=5,
            norm_cfg=dict(type='SyncBN', requires_grad=True),
        ),
    ],
    bbox_head=dict(
        type='GFLHead',
        num_classes=80,
        in_channels=256,
        stacked_convs=4,
        feat_channels=256,
        anchor_generator=dict(
            type='AnchorGenerator',
            ratios=[1.0],
            octave_base_scale=8,
            scales_per_octave=1,
            strides=[8, 16, 32, 64, 128],
        ),
        loss_cls=dict(
            type='QualityFocalLoss',
            use_sigmoid=True,
            beta=2.0,
            loss_weight=1.0,
        ),
        loss_dfl=dict(type='DistributionFocalLoss', loss_weight=0.25),
        reg_max=16,
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    ),
    train_cfg=dict(
        assigner=dict(type='ATSSAssigner', topk=9),
        allowed_border=-1,
        pos_weight=-1,
        debug=False,
    ),
    test_cfg=dict(
        nms_pre=1000,
        min_bbox_size=0,
        score_thr=0.05,
        nms=dict(type='nms', iou_threshold=0.6),
        max_per_img=100,
    ),
)
