# Paper: Mask R-CNN, arXiv 1703.06870, on MixMAE, arXiv 2205.13137, with
#   PVT-S, arXiv 2102.12122
# Command: tools/dist_train.sh
#   configs/detection/mask-rcnn_pvt-s_8xb2-12e_coco.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours: those of mask-rcnn_swin-b_8xb2-12e_coco.py, drop
#   path 0.1
_base_ = './mask-rcnn_swin-b_8xb2-12e_coco.py'

pretrained = 'work_dirs/pvt-s_8xb128_300e/epoch_300.pth'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mixmae.MIMPVT',
        arch='small',
        img_size=224,
        patch_size=4,
        sr_ratios=(8, 4, 2, 1),
        drop_path_rate=0.1,
        out_indices=(0, 1, 2, 3),
        init_cfg=dict(type='Pretrained', checkpoint=pretrained),
    ),
    neck=dict(in_channels=[64, 128, 320, 512]),
)
