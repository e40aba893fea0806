from erda.clouds.listing import list_point_clouds


def test_what_is_a_cloud_and_what_only_looks_like_one(tmp_path):
    clouds = ['a.LAS', 'b/c.bin', 'b/d.npz', 'e.csv']
    others = ['clicks.csv', 'round_12.csv', 'a.las.suggested.ply', 'a.part.las', '.hidden/f.las', '.g.las',
              'b/c.npz', 'notes.md']
    for name in clouds + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'folder.las').mkdir()
    found = list_point_clouds(tmp_path, [tmp_path / 'b/../clicks.csv'])
    assert [path.relative_to(tmp_path).as_posix() for path in found] == clouds
    for clicks in ('b', 'b/*', '*/*.*'):
        found = list_point_clouds(tmp_path, [tmp_path / clicks])
        assert [path.name for path in found] == ['a.LAS', 'clicks.csv', 'e.csv']
    assert len(list_point_clouds(tmp_path, [tmp_path])) == len(clouds) + 1, 'the folder itself'
    assert len(list_point_clouds(tmp_path)) == len(clouds) + 1, 'clicks of that name are told by the caller'
