# Paper: MixMAE, arXiv 2205.13137; UperNet, arXiv 1807.10221
# Command: tools/dist_train.sh
#   configs/segmentation/upernet_swin-b-ft_8xb2-160k_ade20k-512.py 8
#   (another start: --cfg-options model.backbone.init_cfg.checkpoint=PATH)
# Cost: not measured by us
# Expected: unknown
# Status: builds; not trained by us
# Deviations: settings ours; starts after fine-tuning on ImageNet-1K, without
#   layer decay, as UM-MAE's recipe does. Which start the paper took is unknown
_base_ = './upernet_swin-b_8xb2-160k_ade20k-512.py'

# What configs/classification/swin-b_8xb128-100e_in1k-224.py writes.
pretrained = 'work_dirs/swin-b_8xb128-100e_in1k-224/epoch_100.pth'
model = dict(backbone=dict(init_cfg=dict(checkpoint=pretrained)))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=1.0))
