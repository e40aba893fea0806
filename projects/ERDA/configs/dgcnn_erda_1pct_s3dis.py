# DGCNN on S3DIS, tested on area 5 with 1% of the points labelled, 4 GPUs x 32 patches.
_base_ = ['mmdet3d::dgcnn/dgcnn_4xb32-cosine-100e_s3dis-seg_test-area5.py']
custom_imports = dict(imports=['erda'], allow_failed_imports=False)

model = dict(
    data_preprocessor=dict(type='WeakSegDataPreprocessor'),
    decode_head=dict(
        type='ERDADGCNNHead',
        pseudo_labeler=dict(type='PrototypePseudoLabeler'),
        loss_erda=dict(type='ERDALoss')))

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='WeakLabelDataset',
        budget=dict(type='RatioBudget', ratio=0.01),
        dataset={{_base_.train_dataloader.dataset}}))

custom_hooks = [dict(type='RandomStateHook')]
