# Paper: Mask R-CNN, arXiv 1703.06870, on MixMAE, arXiv 2205.13137
# Command: tools/dist_train.sh
#   configs/detection/mask-rcnn_swin-b-ft_8xb4-36e_coco-lsj.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours; starts after fine-tuning on ImageNet-1K, as
#   FastMIM's recipe (and UM-MAE's, for other heads) does. Which start the
#   paper of MixMAE took is unknown
_base_ = './mask-rcnn_swin-b_8xb4-36e_coco-lsj.py'

# What configs/classification/swin-b_8xb128-100e_in1k-224.py writes.
pretrained = 'work_dirs/swin-b_8xb128-100e_in1k-224/epoch_100.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=pretrained)))
