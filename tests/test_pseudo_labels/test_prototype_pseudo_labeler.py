import pytest
import torch
import torch.nn.functional as F
from mmdet3d.registry import MODELS

from erda.pseudo_labels import PrototypePseudoLabeler

UNLABELED, VOID = -1, 255


def identity_labeler(num_classes=3, **kwargs):
    """A labeler whose projection changes nothing, so that prototypes can be computed by hand."""
    labeler = PrototypePseudoLabeler(2, num_classes, num_layers=1, **kwargs)
    with torch.no_grad():
        labeler.projection[0].weight.copy_(torch.eye(2))
        labeler.projection[0].bias.zero_()
    return labeler


def test_prototypes_over_a_sequence_of_batches():
    """Class 1 is absent from the second batch, class 2 from all; unlabelled and void points never count."""
    labeler = identity_labeler(momentum=0.9)
    labeler(torch.tensor([[1., 0.], [3., 0.], [0., 5.], [100., 100.]]), torch.tensor([0, 0, 1, UNLABELED]))
    torch.testing.assert_close(labeler.prototypes, torch.tensor([[2., 0.], [0., 5.], [0., 0.]]))

    labeler(torch.tensor([[0., 4.], [7., 7.]]), torch.tensor([0, VOID]))
    torch.testing.assert_close(labeler.prototypes, torch.tensor([[1.8, 0.4], [0., 5.], [0., 0.]]))
    assert labeler.seen.tolist() == [True, True, False]


def test_without_momentum_a_prototype_is_the_mean_of_the_batch():
    labeler = identity_labeler(momentum=0.0)
    labeler(torch.tensor([[1e4, -1e4], [3., 3.]]), torch.tensor([0, 1]))
    labeler(torch.tensor([[1e-3, 0.], [3e-3, 0.], [9., 9.]]), torch.tensor([0, 0, UNLABELED]))
    assert torch.equal(labeler.prototypes, torch.tensor([[2e-3, 0.], [3., 3.], [0., 0.]]))


def test_pseudo_labels_are_scaled_cosines():
    labeler = identity_labeler(scale=2.0)
    features = torch.tensor([[3., 0.], [0., 2.], [1., 1.]])
    logits = labeler(features, torch.tensor([0, 1, UNLABELED]))
    torch.testing.assert_close(logits[:, :2], 2 * torch.tensor([[1., 0.], [0., 1.], [0.5**0.5, 0.5**0.5]]))
    assert (logits.softmax(-1)[:, 2] == 0).all(), 'a class never seen gets no probability mass'


def test_evaluation_does_not_touch_the_prototypes():
    labeler = identity_labeler()
    labeler(torch.rand(4, 2), torch.tensor([0, 1, 2, 0]))
    before = labeler.prototypes.clone()
    labeler.eval()(torch.rand(4, 2), torch.tensor([0, 1, 2, 0]))
    assert torch.equal(labeler.prototypes, before)


def test_gradient_reaches_features_and_projection_but_not_prototypes():
    labeler = PrototypePseudoLabeler(4, 3)
    features = torch.randn(10, 4, requires_grad=True)
    labeler(features, torch.arange(10) % 4 - 1).pow(2).sum().backward()
    assert features.grad.abs().sum() > 0 and all(p.grad.abs().sum() > 0 for p in labeler.projection.parameters())
    assert not labeler.prototypes.requires_grad and set(dict(labeler.named_buffers())) >= {'prototypes', 'seen'}


@pytest.mark.parametrize('labels', [[], [UNLABELED], [1], [UNLABELED] * 5])
def test_no_or_one_point_and_no_label(labels):
    labeler = PrototypePseudoLabeler(4, 3)
    features = torch.randn(len(labels), 4, requires_grad=True)
    logits = labeler(features, torch.tensor(labels, dtype=torch.long))
    (logits.softmax(-1)**2).sum().backward()
    assert torch.isfinite(logits).all() and torch.isfinite(features.grad).all()
    assert labeler.training and labeler.projection.training


def test_state_travels_with_the_checkpoint():
    first, second = PrototypePseudoLabeler(4, 3), PrototypePseudoLabeler(4, 3)
    features, labels = torch.randn(9, 4), torch.arange(9) % 3
    first(features, labels)
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second.eval()(features, labels), first.eval()(features, labels))


def test_names_in_the_checkpoint():
    layers = ['0.weight', '1.weight', '1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked', '3.weight',
              '3.bias']
    expected = ['prototypes', 'seen', *(f'projection.{name}' for name in layers)]
    assert list(PrototypePseudoLabeler(4, 3).state_dict()) == expected


def test_width_depth_and_autocast():
    labeler = MODELS.build(dict(type='PrototypePseudoLabeler', in_channels=8, num_classes=3, hidden_channels=16,
                                out_channels=5, num_layers=3))
    assert labeler.prototypes.shape == (3, 5)
    assert [layer.out_features for layer in labeler.projection if hasattr(layer, 'out_features')] == [16, 16, 5]
    with torch.autocast('cpu', torch.bfloat16):
        logits = labeler(torch.randn(6, 8), torch.arange(6) % 3)
    assert labeler.prototypes.dtype == torch.float32 and torch.isfinite(logits).all()


def test_matches_a_loop():
    labeler = PrototypePseudoLabeler(4, 3).eval()
    labeler.prototypes.normal_()
    labeler.seen.fill_(True)
    features = torch.randn(6, 4)
    expected = torch.stack([
        torch.stack([F.cosine_similarity(g, c, dim=0) for c in labeler.prototypes])
        for g in labeler.projection(features)
    ])
    torch.testing.assert_close(labeler(features, torch.zeros(6)), expected)


@pytest.mark.parametrize('arguments', [dict(num_layers=0), dict(momentum=1.0), dict(scale=0.0)])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError):
        PrototypePseudoLabeler(4, 3, **arguments)


def test_bad_shapes():
    with pytest.raises(ValueError, match='labels'):
        PrototypePseudoLabeler(4, 3)(torch.zeros(5, 4), torch.zeros(4))


def test_learned_scale():
    fixed, learned = (PrototypePseudoLabeler(8, 3, scale=5.0, learn_scale=learn) for learn in (False, True))
    assert 'log_scale' not in fixed.state_dict() and 'log_scale' in learned.state_dict()
    learned.load_state_dict(fixed.state_dict(), strict=False)
    x, labels = torch.randn(9, 8), torch.arange(9) % 3
    logits = learned(x, labels)
    torch.testing.assert_close(logits, fixed(x, labels))
    (logits.softmax(1) * logits).sum().backward()
    assert learned.log_scale.grad.abs() > 0
    assert learned.scale.item() == pytest.approx(5)


def test_an_embedding_that_overflows_does_not_stay():
    labeler, labels = identity_labeler(momentum=0.5), torch.tensor([0, 1])
    labeler(torch.tensor([[1., 0.], [0., 1.]]), labels)
    before = labeler.prototypes.clone()
    labeler(torch.tensor([[torch.inf, 0.], [0., 3.]]), labels)
    assert torch.equal(labeler.prototypes, before)


def test_half_precision_with_an_unseen_class():
    labeler = identity_labeler().half()
    labeler.train()
    logits = labeler(torch.tensor([[1., 0.], [0., 1.]]).half(), torch.tensor([0, UNLABELED]))
    assert logits.isfinite().all()
