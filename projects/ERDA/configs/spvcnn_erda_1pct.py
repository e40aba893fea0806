# SPVCNN-W32 on SemanticKITTI with 1% of the points labelled, 8 GPUs x 2 scans.
_base_ = ['mmdet3d::spvcnn/spvcnn_w32_8xb2-amp-laser-polar-mix-3x_semantickitti.py']
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

model = dict(
    data_preprocessor=dict(type='WeakSegDataPreprocessor'),
    decode_head=dict(
        type='ERDAMinkUNetHead',
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss')))

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01),
        dataset={{_base_.train_dataloader.dataset}}))

# The stock file trains in half precision; here that is tools/train.py --amp.
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer={{_base_.optim_wrapper.optimizer}},
    clip_grad={{_base_.optim_wrapper.clip_grad}})

# The stock file inherits 32 (4 x 8) from an indoor schedule, but was tuned for 8 GPUs x 2 scans.
auto_scale_lr = dict(base_batch_size=16)
custom_hooks = [dict(type='RandomStateHook')]
