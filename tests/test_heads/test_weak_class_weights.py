"""``class_weight='weak'``: the head waits for weights from outside."""
import pytest
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.registry import init_default_scope

C, VOID = 8, 19


def build(**kwargs):
    init_default_scope('mmdet3d')
    torch.manual_seed(0)
    loss = dict(type='mmdet.CrossEntropyLoss', class_weight='weak')
    defaults = dict(type='ERDAMinkUNetHead', channels=C, num_classes=19, dropout_ratio=0, ignore_index=VOID,
                    loss_decode=loss)
    return MODELS.build({**defaults, **kwargs})


def loss(head, labels):
    sample = Det3DDataSample(gt_pts_seg=PointData(voxel_semantic_mask=torch.tensor(labels)))
    x = torch.randn(len(labels), C, generator=torch.Generator().manual_seed(1))
    return head.loss(x, [sample], None)['loss_sem_seg'], head.conv_seg(x)


def test_without_the_hook():
    with pytest.raises(RuntimeError, match='WeakClassWeightHook'):
        loss(build(), [1, 2])


def test_weights_of_the_supervised_loss():
    head, weights = build(), torch.rand(19) + 0.5
    head.set_class_weights(weights)
    value, logits = loss(head, [3, -1, 7, VOID])
    entropies = torch.nn.functional.cross_entropy(logits[[0, 2]], torch.tensor([3, 7]), reduction='none')
    torch.testing.assert_close(value, (weights[[3, 7]] * entropies).mean())


def test_a_logit_for_void():
    head = build(num_classes=20)
    head.set_class_weights([2.0] * 19)
    assert head.loss_decode.class_weight == [2.0] * 19 + [1.0]
    assert torch.isfinite(loss(head, [3, VOID])[0])


def test_every_loss_of_cylinder3d():
    weak = dict(type='mmdet.CrossEntropyLoss', class_weight='weak')
    lovasz = dict(type='FewLabelLovaszLoss', class_weight='weak', reduction='none')
    init_default_scope('mmdet3d')
    head = MODELS.build(dict(type='ERDACylinder3DHead', channels=C, num_classes=20, ignore_index=VOID, loss_ce=weak,
                             loss_lovasz=lovasz))
    head.set_class_weights([1.5] * 19)
    assert head.loss_ce.class_weight == head.loss_lovasz.class_weight == [1.5] * 19 + [1.0]


def test_weights_of_other_classes():
    with pytest.raises(ValueError, match='has 19 classes, but the labels have 13'):
        build().set_class_weights([1.0] * 13)
