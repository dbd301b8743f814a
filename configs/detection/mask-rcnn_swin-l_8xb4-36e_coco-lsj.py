# Paper: Mask R-CNN, arXiv 1703.06870, on MixMAE, arXiv 2205.13137
# Command: tools/dist_train.sh
#   configs/detection/mask-rcnn_swin-l_8xb4-36e_coco-lsj.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours: those of Swin-B, whose sources have no Swin-L
_base_ = './mask-rcnn_swin-b_8xb4-36e_coco-lsj.py'

pretrained = 'work_dirs/swin-l_8xb128_600e/epoch_600.pth'
model = dict(
    backbone=dict(arch='large', init_cfg=dict(checkpoint=pretrained)),
    neck=dict(in_channels=[192, 384, 768, 1536]),
)
