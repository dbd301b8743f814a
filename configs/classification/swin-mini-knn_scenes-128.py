# Paper: MixMAE, arXiv 2205.13137; nearest neighbours of the pooled last map,
#   weighted as in Wu et al., arXiv 1805.01978
# Command: python tools/test.py
#   configs/classification/swin-mini-knn_scenes-128.py
#   work_dirs/swin-mini_scenes-128/epoch_20.pth
# Cost: a forward pass of all images; a minute or two on a busy CPU core
# Expected: see configs/classification/README.md [reproduced here]
# Status: run by us
# Deviations: settings ours: 20 neighbours, temperature 0.07
_base_ = '../mixmae/swin-mini_scenes-128.py'

# The complete pretraining model, so that its checkpoint loads without
# warnings; nothing is hidden from the backbone. Other checkpoints are taken,
# too.
model = dict(data_preprocessor=dict(masking=None))
test_cfg = dict(
    type='KNNTestLoop',
    train_dataloader=dict(
        _base_.test_dataloader,
        dataset=dict(_base_.test_dataloader.dataset, data_prefix='train'),
    ),
)
test_evaluator = dict(
    _delete_=True, type='mmpretrain.Accuracy', topk=(1, 5), prefix='knn'
)
# Nothing is trained.
train_cfg = train_dataloader = optim_wrapper = param_scheduler = None
val_cfg = val_dataloader = val_evaluator = None
custom_hooks = []
