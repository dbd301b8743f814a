# Paper: MixMAE, arXiv 2205.13137; nearest neighbours of the pooled last map,
#   weighted as in Wu et al., arXiv 1805.01978
# Command: tools/dist_test.sh configs/classification/swin-b-knn_in1k-224.py
#   work_dirs/swin-b_8xb128_600e/epoch_600.pth 8
# Cost: not measured by us; a forward pass of all images
# Expected: unknown: no kNN accuracy of MixMAE is published
# Status: builds; not run by us on ImageNet
# Deviations: settings ours: 20 neighbours, temperature 0.07
_base_ = '../mixmae/swin-b_8xb128_600e.py'

# The complete pretraining model, so that its checkpoint loads without
# warnings; nothing is hidden from the backbone. Other checkpoints are taken,
# too.
model = dict(data_preprocessor=dict(masking=None))
test_dataloader = dict(dataset=dict(with_label=True))
test_cfg = dict(
    type='KNNTestLoop',
    train_dataloader=dict(
        _base_.test_dataloader,
        dataset=dict(
            _base_.test_dataloader.dataset, split='train', with_label=True
        ),
    ),
)
test_evaluator = dict(
    _delete_=True, type='mmpretrain.Accuracy', topk=(1, 5), prefix='knn'
)
# Nothing is trained.
train_cfg = train_dataloader = optim_wrapper = param_scheduler = None
val_cfg = val_dataloader = val_evaluator = None
custom_hooks = []
