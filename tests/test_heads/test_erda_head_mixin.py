"""The seam: what it adds, what it hides, and that checkpoints pass through it both ways."""
import pytest
import torch
from mmdet3d.models.decode_heads import MinkUNetHead
from mmdet3d.models.decode_heads.decode_head import Base3DDecodeHead
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.registry import init_default_scope

from erda.heads import ERDAHeadMixin
from erda.pseudo_labels import propagated_prior
from erda.weak_labels import UNLABELED

C, K, VOID = 8, 19, 19


@pytest.fixture(autouse=True)
def default_scope():
    init_default_scope('mmdet3d')


def build(cls='ERDAMinkUNetHead', erda=True, **kwargs):
    torch.manual_seed(0)
    if erda:
        kwargs.update(pseudo_labeler=dict(type='PrototypePseudoLabeler'), loss_erda=dict(type='ERDALoss'))
    defaults = dict(type=cls, channels=C, num_classes=K, dropout_ratio=0, ignore_index=VOID,
                    loss_decode=dict(type='mmdet.CrossEntropyLoss', avg_non_ignore=True))
    return MODELS.build({**defaults, **kwargs})


def samples(*labels, key='voxel_semantic_mask'):
    return [Det3DDataSample(gt_pts_seg=PointData(**{key: torch.as_tensor(x)})) for x in labels]


def features(n):
    return torch.randn(n, C, generator=torch.Generator().manual_seed(1)).requires_grad_()


def test_loss_is_the_sum_of_its_parts():
    head, x = build(), features(6)
    labels = [UNLABELED, 3, VOID, UNLABELED, 3, 7]
    losses = head.loss(x, samples(labels[:2], labels[2:]), None)
    assert set(losses) == {'loss_sem_seg', 'loss_erda'}

    logits = head.conv_seg(x)
    labelled = torch.tensor([1, 4, 5])
    expected = torch.nn.functional.cross_entropy(logits[labelled], torch.tensor([3, 3, 7]))
    torch.testing.assert_close(losses['loss_sem_seg'], expected)

    twin = build()
    pseudo = twin.pseudo_labeler(x[[0, 1, 3, 4, 5]], torch.tensor([UNLABELED, 3, UNLABELED, 3, 7]))  # void left out
    expected = twin.loss_erda(pseudo[[0, 2]], logits[[0, 3]])
    torch.testing.assert_close(losses['loss_erda'], expected)


def test_void_has_no_gradient():
    head, x = build(), features(5)
    sum(head.loss(x, samples([UNLABELED, VOID, 2, UNLABELED, VOID]), None).values()).backward()
    assert x.grad[[0, 2, 3]].abs().sum(1).bool().all()
    assert not x.grad[[1, 4]].any()


@pytest.mark.parametrize('labels', [[UNLABELED] * 4, [2] * 4, [VOID] * 4, [UNLABELED, 2, VOID, VOID], [UNLABELED], [1]])
def test_any_mixture_of_labels_trains(labels):
    head, x = build(), features(len(labels))
    loss = sum(head.loss(x, samples(labels), None).values())
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(x.grad).all()


def test_sparse_only_is_the_head_alone():
    head = build(erda=False)
    assert set(head.loss(features(3), samples([UNLABELED, 1, VOID]), None)) == {'loss_sem_seg'}
    assert set(head.state_dict()) == set(build('MinkUNetHead', erda=False).state_dict())


def test_stock_checkpoint_into_erda_head_and_back():
    stock, ours, x = build('MinkUNetHead', erda=False), build(), features(9)
    torch.nn.init.normal_(stock.conv_seg.weight)
    missing, unexpected = ours.load_state_dict(stock.state_dict(), strict=False)
    assert not unexpected and all(key.startswith('pseudo_labeler.') for key in missing)
    assert torch.equal(ours.eval()(x), stock.eval()(x))

    back = build('MinkUNetHead', erda=False)
    missing, unexpected = back.load_state_dict(ours.state_dict(), strict=False)
    assert not missing and all(key.startswith('pseudo_labeler.') for key in unexpected)
    assert torch.equal(back.eval()(x), stock(x))


def test_a_head_of_somebody_else_with_dense_features():
    """Two lines over a head of [B, C, N] features, as PointNet++ and PAConv have."""

    class DenseHead(Base3DDecodeHead):

        def forward(self, feats):
            return self.cls_seg(feats)

    class ERDADenseHead(ERDAHeadMixin, DenseHead):
        pass

    head = ERDADenseHead(
        channels=C, num_classes=K, dropout_ratio=0, ignore_index=VOID,
        pseudo_labeler=dict(type='PrototypePseudoLabeler'), loss_erda=dict(type='ERDALoss'),
        loss_decode=dict(type='mmdet.CrossEntropyLoss', avg_non_ignore=True))
    x = torch.randn(2, C, 5, requires_grad=True)
    labels = [[UNLABELED, 3, VOID, UNLABELED, 1], [UNLABELED] * 5]
    losses = head.loss(x, samples(*labels, key='pts_semantic_mask'), None)
    sum(losses.values()).backward()
    assert x.grad[0, :, 2].abs().max() == 0, 'void'
    assert x.grad.abs().sum(1).bool().sum() == 9, 'all other points of both scans'
    assert head.pseudo_labeler.seen.nonzero().flatten().tolist() == [1, 3]


def test_cross_entropy_averages_over_labels_whatever_the_config_says():
    head, x = build(loss_decode=dict(type='mmdet.CrossEntropyLoss')), features(4)
    loss = head.loss(x, samples([UNLABELED, 3, UNLABELED, VOID]), None)['loss_sem_seg']
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(head.conv_seg(x)[1:2], torch.tensor([3])))


def test_a_logit_for_void():
    head, x = build(num_classes=20), features(3)
    assert head.pseudo_labeler.num_classes == 19
    loss = head.loss(x, samples([UNLABELED, 2, VOID]), None)['loss_erda']
    grad, = torch.autograd.grad(loss, head.conv_seg.weight)
    assert grad[:19].any() and not grad[19].any()


def test_void_in_the_middle_is_refused():
    with pytest.raises(ValueError, match='ignore_index=0 is one of num_classes=19'):
        build(ignore_index=0)


def test_half_an_erda_head():
    with pytest.raises(ValueError, match='both pseudo_labeler and loss_erda'):
        build(erda=False, loss_erda=dict(type='ERDALoss'))


def test_mixin_hooks_leave_nothing_behind():
    head = build()
    head.loss(features(3), samples([0, 1, UNLABELED]), None)
    assert not head.conv_seg._forward_hooks and isinstance(head, MinkUNetHead)


def test_rows_behind_the_classifier():
    head, x = build(pseudo_labeler=dict(type='PredictionPseudoLabeler'), erda=False, num_classes=20,
                    loss_erda=dict(type='ERDALoss', loss_weight=1.0)), features(4)
    loss = head.loss(x, samples([UNLABELED, 3, UNLABELED, VOID]), None)['loss_erda']
    logits = head.conv_seg(x)[[0, 2], :19]
    torch.testing.assert_close(loss, torch.distributions.Categorical(logits=logits).entropy().mean())


def test_all_points_and_labels_for_pseudo_labels():
    head, x = build(selection=dict(points='all'), labelled_weight=0.5), features(4)
    labels = torch.tensor([UNLABELED, 3, 5, VOID])
    losses = head.loss(x, samples(labels), None)
    pseudo = build().pseudo_labeler(x[:3], labels[:3])
    torch.testing.assert_close(losses['loss_erda'], head.loss_erda(pseudo, head.conv_seg(x)[:3]))
    expected = 0.5 * torch.nn.functional.cross_entropy(pseudo[1:], labels[1:3])
    torch.testing.assert_close(losses['loss_pseudo_label'], expected)


def test_pseudo_labels_without_a_label():
    head, x = build(labelled_weight=1.0), features(3)
    losses = head.loss(x, samples([UNLABELED] * 3), None)
    assert losses['loss_pseudo_label'] == 0
    sum(losses.values()).backward()
    assert torch.isfinite(x.grad).all()


def test_top_n_is_counted_in_each_scan():
    head, x = build(selection=dict(top_n=1)), features(5)
    losses = head.loss(x, samples([UNLABELED, 2, UNLABELED], [UNLABELED, UNLABELED]), None)
    grad, = torch.autograd.grad(losses['loss_erda'], x)
    pseudo = build().pseudo_labeler(x, torch.tensor([UNLABELED, 2, UNLABELED, UNLABELED, UNLABELED]))
    confidence = pseudo.softmax(1).amax(1)
    best = [0 if confidence[0] >= confidence[2] else 2, 3 if confidence[3] >= confidence[4] else 4]
    torch.testing.assert_close(losses['loss_erda'], head.loss_erda(pseudo[best], head.conv_seg(x)[best]))
    assert grad.any()


def test_second_view_is_averaged_over_the_points_of_a_voxel():
    """Three points in two voxels and one point in a voxel that was dropped."""
    head, x = build(), features(2)
    sample, = samples([UNLABELED, 3])
    view = torch.randn(4, C)
    sample.gt_pts_seg.second_view = view
    sample.point2voxel_map = torch.tensor([0, 1, -1, 0])
    loss = head.loss(x, [sample], None)['loss_erda']
    rows = torch.stack([view[[0, 3]].mean(0), view[1]])
    pseudo = build().pseudo_labeler(rows, torch.tensor([UNLABELED, 3]))
    torch.testing.assert_close(loss, head.loss_erda(pseudo[:1], head.conv_seg(x)[:1]))


def test_propagated_labels_multiply_the_pseudo_labels():
    labels, propagated = [UNLABELED, 3, VOID, UNLABELED, 5], torch.tensor([5, 3, 3, -1, -1])
    confidence, losses = torch.tensor([0.8, 0.9, 0.7, 0.6, 0.5]), []
    for exponent in (0.0, 0.5):
        head, batch = build(prior_exponent=exponent), samples(labels)
        batch[0].point2voxel_map = torch.arange(5)
        batch[0].gt_pts_seg.propagated_label, batch[0].gt_pts_seg.propagated_confidence = propagated, confidence
        losses.append(head.loss(features(5), batch, None)['loss_erda'])
    twin, x, rows = build(), features(5), [0, 1, 3, 4]
    pseudo = twin.pseudo_labeler(x[rows], torch.tensor(labels)[rows])
    pseudo = pseudo + 0.5 * propagated_prior(propagated, confidence, K)[rows]
    expected = twin.loss_erda(pseudo[[0, 2]], twin.conv_seg(x)[[0, 3]])
    torch.testing.assert_close(losses[1], expected)
    assert not torch.isclose(*losses)


def test_a_negative_exponent_is_refused():
    with pytest.raises(ValueError, match='prior_exponent=-1 must not be negative'):
        build(prior_exponent=-1)


def test_propagated_labels_that_nobody_propagated():
    with pytest.raises(ValueError, match='prior_exponent=0.5 needs propagated labels'):
        build(prior_exponent=0.5).loss(features(2), samples([UNLABELED, 3]), None)
