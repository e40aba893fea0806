import numpy as np
import pytest

from erda.weak_labels.point_suggestion import (
    Candidates,
    candidate_points,
    isolated,
    join,
    near_clicks,
    nearest_candidates,
    neighbour_distances,
    neighbourhoods,
    subsample_file,
    suggest,
    suggest_by_features,
    suggest_by_place,
)

NOTHING = join([])


def cloud(count=400, files=1, seed=0):
    rng = np.random.default_rng(seed)
    return join([(rng.uniform(0, 10, (count, 3)) + [5e5, 5e6, 0], np.arange(count)) for _ in range(files)])


@pytest.mark.parametrize('size', [1, 7, 300])
def test_subsampling_does_not_depend_on_chunks(size):
    xyz = np.random.default_rng(0).uniform(-3, 3, (300, 3))
    result, index = subsample_file((xyz[i:i + size] for i in range(0, 300, size)), 1.5, 300)
    voxels = [tuple(voxel) for voxel in np.floor(xyz / 1.5)]
    assert index.tolist() == [i for i, voxel in enumerate(voxels) if voxel not in voxels[:i]]
    np.testing.assert_array_equal(result, xyz[index])


def test_subsampling_is_bounded():
    xyz = np.random.default_rng(0).uniform(-3, 3, (1000, 3))
    assert 0 < len(subsample_file([xyz[:500], xyz[500:]], 0.1, 60)[1]) <= 60


def test_places_equal_a_slow_search():
    candidates, clicked = cloud(100), cloud(3, seed=1)
    rows = suggest_by_place(candidates, clicked, 20)
    taken = list(clicked.xyz)
    for row in rows:
        gaps = [min(np.linalg.norm(point - other) for other in taken) for point in candidates.xyz]
        assert np.isclose(gaps[row], max(gaps), atol=1e-4)
        taken.append(candidates.xyz[row])
    assert len(set(rows)) == 20


def test_every_file_gets_a_point_first():
    candidates = cloud(50, files=5)
    assert sorted(candidates.file[suggest_by_place(candidates, NOTHING, 5)]) == [0, 1, 2, 3, 4]
    clicked = candidates.take(candidates.file == 2)
    assert 2 not in candidates.file[suggest_by_place(candidates, clicked, 4)]


def test_seed_decides():
    candidates = cloud()
    first = suggest_by_place(candidates, NOTHING, 10, seed=3)
    assert first.tolist() == suggest_by_place(candidates, NOTHING, 10, seed=3).tolist()
    assert first[0] != suggest_by_place(candidates, NOTHING, 10, seed=4)[0]


def test_one_of_each_cluster_of_features():
    candidates, rng = cloud(200), np.random.default_rng(0)
    cluster = np.arange(200) % 4
    features = np.eye(4)[cluster] * rng.uniform(1, 9, (200, 1)) + 0.01 * rng.random((200, 4))
    entropy = rng.random(200)
    # All in one place, so that features alone decide.
    candidates = candidates._replace(xyz=np.zeros((200, 3)))
    rows = suggest_by_features(candidates, features, entropy, 4)
    assert sorted(cluster[rows]) == [0, 1, 2, 3]
    uncertain = np.argsort(-entropy)[:50]
    assert rows[0] == uncertain[0] and set(rows) <= set(uncertain)
    rows = suggest_by_features(candidates, features, entropy, 2, clicked=np.array([0, 1]))
    assert sorted(cluster[rows]) == [2, 3]


def test_equal_features_are_spread_in_space():
    candidates = cloud(300)
    rows = suggest_by_features(candidates, np.ones((300, 4)), np.ones(300), 9)
    gaps = np.linalg.norm(candidates.xyz[rows][:, None] - candidates.xyz[rows], axis=2) + 99 * np.eye(9)
    assert gaps.min() > 2.5


@pytest.mark.parametrize('clicked', [[], [3, 4, 250]])
def test_places_alone_are_equal_features(clicked):
    candidates, doubt = cloud(200, files=2), np.random.default_rng(1).random(400)
    rows = suggest_by_features(candidates, None, doubt, 20, np.array(clicked, dtype=np.int64))
    assert rows.tolist() == suggest_by_features(candidates, np.ones((400, 3)), doubt, 20, np.array(clicked)).tolist()


@pytest.mark.parametrize('doubt', [None, np.arange(400)])
def test_nothing_near_a_click_is_suggested(doubt):
    candidates = cloud()
    clicked = join([(candidates.xyz[::10], np.arange(40))])
    rows = suggest(candidates, clicked, 400, 1.0, doubt)
    free = np.linalg.norm(candidates.xyz[:, None] - clicked.xyz, axis=2).min(axis=1) > 1
    assert 0 < free.sum() < 360 and sorted(rows) == np.flatnonzero(free).tolist()


@pytest.mark.parametrize('budget', [0, 5, 400, 1000])
def test_budget(budget):
    candidates = cloud()
    rows = suggest_by_place(candidates, NOTHING, budget)
    assert len(set(rows)) == len(rows) == min(budget, 400)
    clicked = np.array([0, 1, 1])
    rows = suggest_by_features(candidates, np.ones((400, 2)), np.zeros(400), budget, clicked)
    assert len(set(rows)) == len(rows) == min(budget, 398) and not {0, 1} & set(rows)


def test_clicks_among_candidates():
    candidates = cloud(50, files=2)
    clicked = Candidates(candidates.xyz[[3, 60]] + 0.01, np.array([3, 10]), np.array([0, 1]))
    assert nearest_candidates(candidates, clicked).tolist() == [3, 60]
    near = near_clicks(candidates, clicked, 2)
    for row in range(100):
        places = clicked.xyz[clicked.file == candidates.file[row]]
        assert near[row] == (np.linalg.norm(places - candidates.xyz[row], axis=1).min() <= 2)


@pytest.mark.parametrize('size', [1, 50, 400])
def test_fourth_neighbours_equal_a_slow_search(size):
    xyz = np.random.default_rng(0).uniform(0, 9, (400, 3))
    places = xyz[::7]
    found = neighbour_distances(places, (xyz[i:i + size] for i in range(0, 400, size)))
    slow = np.sort(np.linalg.norm(places[:, None] - xyz, axis=2), axis=1)[:, 4]
    np.testing.assert_allclose(found, slow)


def test_isolated_points_are_those_far_from_all_others():
    rng = np.random.default_rng(0)
    ground = np.column_stack([rng.uniform(0, 20, (4000, 2)), np.zeros(4000)])
    xyz = np.concatenate([ground, rng.uniform([0, 0, 20], [20, 20, 60], (20, 3))])
    alone = isolated(neighbour_distances(xyz, [xyz]))
    assert alone[4000:].all() and not alone[:4000].any()
    places, index = candidate_points(lambda: [xyz[:3000], xyz[3000:]], 0.5)
    np.testing.assert_array_equal(places, xyz[index])
    assert index.max() < 4000 and len(np.unique(np.floor(places / 0.5), axis=0)) == len(index) > 1000
    assert not len(isolated(np.zeros(0)))


def test_neighbourhoods_are_of_one_file_and_small():
    points = cloud(95, files=2)
    order, group = neighbourhoods(points)
    assert sorted(order) == list(range(190)) and (np.diff(group) >= 0).all() and group[0] == 0
    assert np.bincount(group).max() <= 10 and np.bincount(group).min() >= 5
    assert all(len(set(points.file[order[group == number]])) == 1 for number in range(group.max() + 1))
    assert not len(neighbourhoods(NOTHING)[0])
