import numpy as np
import pytest

from erda.synthetic import street_objects
from erda.synthetic.solids import stack_solids
from erda.synthetic.street_ground import StreetGround
from erda.synthetic.street_objects import Place
from erda.synthetic.street_scene import populate_street


@pytest.mark.parametrize(('factory', 'label'), [
    ('car', 10), ('bicycle', 11), ('truck', 18), ('person', 30), ('bicyclist', 31),
    ('tree', 71), ('bush', 70), ('thicket', 70), ('pole', 80), ('traffic_sign', 81),
    ('street_cabinet', 99)])
def test_every_object_stands_on_its_place(factory, label):
    for seed in range(10):
        solids = getattr(street_objects, factory)(np.random.default_rng(seed),
                                                  Place(5.0, -3.0, 1.0, 0.8))
        table = stack_solids(solids)
        assert label in table.label
        extent = np.einsum('sij,sj->si', np.abs(table.axes), table.half_size)
        bottom = (table.center - extent)[:, 2].min()
        assert -1.0 < bottom - 1.0 < 0.6
        assert np.abs(table.center[:, :2] - (5.0, -3.0)).max() < 6.0


@pytest.mark.parametrize(('kind', 'label'), [('hedge', 70), ('fence', 51), ('wall', 52)])
def test_borders_run_along_their_place(kind, label):
    solids = street_objects.border(np.random.default_rng(0), Place(0, 0, 0, 0.3), kind, 4.0)
    assert [solid.label for solid in solids] == [label]
    assert solids[0].half_size[0] == 2.0 and solids[0].yaw == 0.3


def test_thick_poles_are_as_thick_as_thin_trunks():
    def radii(factory, label):
        return [solid.half_size[0] for seed in range(50)
                for solid in factory(np.random.default_rng(seed), Place(0, 0, 0, 0))
                if solid.label == label and solid.shape == 'cylinder']

    poles, trunks = radii(street_objects.pole, 80), radii(street_objects.tree, 71)
    assert min(trunks) < np.median(poles) and np.quantile(trunks, 0.25) < max(poles)


def test_the_sensor_lane_stays_clear():
    for sequence in range(5):
        ground = StreetGround(0, sequence, -50.0, 150.0)
        table = stack_solids(populate_street(ground, 0, sequence, -50.0, 150.0))
        lane = np.array([ground.to_world(along, -0.5 * ground.style.road_half_width)
                         for along in np.arange(0.0, 100.0, 1.0)])
        head = np.column_stack([lane, ground.height(*lane.T) + 1.73])
        local = np.einsum('lsi,sij->lsj', head[:, None] - table.center, table.axes)
        inside = (np.abs(local) < table.half_size).all(axis=-1) & (table.mean_free_path == 0)
        assert not inside.any()
