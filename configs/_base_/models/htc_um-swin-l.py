# Hybrid Task Cascade (1901.07518) with FPN and its semantic branch on UM-MAE's
# Swin-L; with large-scale jitter and soft NMS what Swin (2103.14030, section
# 4.2) calls HTC++. Boxes and regions as in mmdet's Cascade Mask R-CNN.
_base_ = './cascade-mask-rcnn_mim-swin.py'

mask_head = dict(
    type='HTCMaskHead',
    num_convs=4,
    in_channels=256,
    conv_out_channels=256,
    num_classes=80,
    loss_mask=dict(type='CrossEntropyLoss', use_mask=True, loss_weight=1.0),
)
model = dict(
    type='HybridTaskCascade',
    data_preprocessor=dict(
        pad_seg=True,
        batch_augments=[
            dict(
                type='BatchFixedSizePad',
                size=(1024, 1024),
                pad_mask=True,
                pad_seg=True,
            )
        ],
    ),
    backbone=dict(
        arch='large',
        img_size=256,
        position_bias='log_coordinates',
        bias_dims=64,
        merging='conv',
        shift=True,
        absolute_positions=False,
        norm_eps=1e-6,
        block_norm_eps=1e-5,
        with_cp=True,
    ),
    neck=dict(in_channels=[192, 384, 768, 1536]),
    roi_head=dict(
        type='HybridTaskCascadeRoIHead',
        interleaved=True,
        mask_info_flow=True,
        # The first one has none before it whose features it could take.
        mask_head=[dict(mask_head, with_conv_res=False), mask_head, mask_head],
        semantic_roi_extractor=dict(
            type='SingleRoIExtractor',
            roi_layer=dict(type='RoIAlign', output_size=14, sampling_ratio=0),
            out_channels=256,
            featmap_strides=[8],
        ),
        semantic_head=dict(
            type='FusedSemanticHead',
            num_ins=5,
            fusion_level=1,
            seg_scale_factor=1 / 8,
            num_convs=4,
            in_channels=256,
            conv_out_channels=256,
            num_classes=183,
            loss_seg=dict(
                type='CrossEntropyLoss', ignore_index=255, loss_weight=0.2
            ),
        ),
    ),
    test_cfg=dict(
        rcnn=dict(
            score_thr=0.001,
            nms=dict(type='soft_nms', iou_threshold=0.5),
        ),
    ),
)
