# Mask R-CNN on the mini network of configs/mixmae, small enough for a CPU
# core: heads a quarter as wide, fewer regions.
_base_ = './mask-rcnn_mim-swin.py'

channels = 64
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=32,
            depths=(1, 1, 4, 1),
            num_heads=(2, 4, 8, 16),
        ),
        img_size=128,
        window_sizes=(8, 8, 8, 4),
        drop_path_rate=0.0,
    ),
    neck=dict(in_channels=[32, 64, 128, 256], out_channels=channels),
    rpn_head=dict(in_channels=channels, feat_channels=channels),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=channels),
        bbox_head=dict(in_channels=channels, fc_out_channels=256),
        mask_roi_extractor=dict(out_channels=channels),
        mask_head=dict(
            num_convs=2,
            in_channels=channels,
            conv_out_channels=channels,
        ),
    ),
    # A handful of objects an image.
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=50),
        rcnn=dict(sampler=dict(num=32)),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=200, max_per_img=50),
        rcnn=dict(max_per_img=30),
    ),
)
