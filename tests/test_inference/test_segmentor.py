import numpy as np
import pytest
import torch
from integration.tiny_configs import tiny_config
from test_inference.random_segmentor import CYLINDER, MINKUNET, POINTNET, scan, segmentor_of

from erda.clouds.cloud_files import read_point_cloud
from erda.inference.errors import InferenceError
from erda.inference.segmentor import Segmentor


@pytest.mark.parametrize('checkpoint, message', [
    (None, 'does not exist'), (b'not a checkpoint', 'is not a checkpoint'), ('other', 'weights do not fit'),
    (dict(state_dict={}), 'holds no weights')])
def test_a_wrong_checkpoint_is_refused(tmp_path, checkpoint, message):
    path = tmp_path / 'a.pth'
    if isinstance(checkpoint, bytes):
        path.write_bytes(checkpoint)
    elif checkpoint == 'other':
        segmentor_of(CYLINDER, tmp_path)
        path = tmp_path / 'random.pth'
    elif checkpoint is not None:
        torch.save(checkpoint, path)
    with pytest.raises(InferenceError, match=message):
        Segmentor(tiny_config(MINKUNET, tmp_path), str(path))


def test_the_weights_arrive_and_those_of_a_stock_head_suffice(tmp_path):
    segmentor, cfg = segmentor_of(MINKUNET, tmp_path)
    state = segmentor.model.state_dict()
    saved = torch.load(tmp_path / 'random.pth', weights_only=True)['state_dict']
    assert all(torch.equal(value, saved[key]) for key, value in state.items())
    for key in [key for key in state if 'pseudo_labeler' in key]:
        del state[key]
    torch.save(dict(state_dict=state), tmp_path / 'stock.pth')
    stock = Segmentor(cfg, str(tmp_path / 'stock.pth')).model.state_dict()
    assert all(torch.equal(value, stock[key]) for key, value in state.items())


def test_nan_is_an_error(tmp_path):
    segmentor, _ = segmentor_of(MINKUNET, tmp_path)
    segmentor.model.decode_head.conv_seg.bias.data[3] = float('nan')
    cloud = read_point_cloud(scan(tmp_path))
    cloud = cloud._replace(fields=dict(intensity=cloud.fields['intensity']))
    with pytest.raises(InferenceError, match='NaN'):
        segmentor.probabilities(cloud)


def test_the_mean_over_several_turns(tmp_path):
    segmentor, cfg = segmentor_of(MINKUNET, tmp_path)
    cloud = read_point_cloud(scan(tmp_path))
    cloud = cloud._replace(fields=dict(intensity=cloud.fields['intensity']))
    once = segmentor.probabilities(cloud)
    turned = cloud._replace(xyz=cloud.xyz * [-1, -1, 1])  # half a turn
    segmentor.inputs.points = lambda cloud: torch.from_numpy(
        np.concatenate([cloud.xyz, cloud.fields['intensity'][:, None]], axis=1)).float()
    expected = (segmentor.probabilities(cloud) + segmentor.probabilities(turned)) / 2
    segmentor.views = 2
    np.testing.assert_allclose(segmentor.probabilities(cloud), expected, atol=1e-4)
    assert np.abs(expected - once).max() > 1e-3


@pytest.mark.parametrize('config, num_columns', [(MINKUNET, 4), (CYLINDER, 4), (POINTNET, 6)])
def test_mixed_precision_errs_by_its_rounding(tmp_path, config, num_columns):
    segmentor, _ = segmentor_of(config, tmp_path)
    points = torch.rand(500, num_columns) * torch.tensor([4., 4, 2, 1, 1, 1][:num_columns])
    segmentor.inputs.points = lambda cloud: points
    torch.manual_seed(0)  # of sliding windows
    exact = segmentor.logits(None)
    segmentor.amp = True
    torch.manual_seed(0)
    rounded = segmentor.logits(None)
    assert rounded.dtype == torch.float32 and not torch.equal(rounded, exact)
    assert (rounded - exact).norm() < 0.05 * exact.norm()
