# Paper: Mask R-CNN, arXiv 1703.06870, on the network of the campaign of
#   docs/evidence.md
# Command: python tools/train.py
#   configs/detection/mask-rcnn_swin-3stage_scenes-128.py
# Cost: see docs/evidence.md
# Expected: see docs/evidence.md [reproduced here]
# Status: run by `make evidence`
# Deviations: settings ours; heads a quarter as wide, anchors half as large,
#   three maps instead of four, 256 labelled scenes
_base_ = './mask-rcnn_swin-mini_scenes-128.py'

# What configs/mixmae/swin-3stage-mixmae_imagenette-96.py writes.
pretrained = 'work_dirs/swin-3stage-mixmae_imagenette-96/epoch_20.pth'
model = dict(
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=48,
            depths=(1, 1, 6),
            num_heads=(3, 6, 12),
        ),
        img_size=96,
        window_sizes=(12, 12, 6),
        position_bias='log_coordinates',
        out_indices=(0, 1, 2),
        init_cfg=dict(checkpoint=pretrained),
    ),
    neck=dict(in_channels=[48, 96, 192]),
)
