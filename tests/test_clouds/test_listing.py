import os
from pathlib import Path

from erda.clouds.listing import look_through


def test_what_is_a_cloud_and_what_only_looks_like_one(tmp_path):
    clouds = ['a.LAS', 'b/c.bin', 'b/d.npz', 'e.csv']
    others = ['clicks.csv', 'round_12.csv', 'classes.csv', 'a.las.suggested.ply', 'a.part.las', '.hidden/f.las',
              '.g.las', 'b/c.npz', 'b/c.label', 'notes.md', 'deep/notes.md', 'erda.yaml', 'minkunet_erda.py',
              '.erda_cache/x.block', 'LICENSE', 'other.label']
    for name in clouds + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'folder.las').mkdir()
    found = look_through(tmp_path, [tmp_path / 'b/../clicks.csv']).clouds
    assert [path.relative_to(tmp_path).as_posix() for path in found] == clouds
    for clicks in ('b', 'b/*', '*/*.*'):
        found = look_through(tmp_path, [tmp_path / clicks]).clouds
        assert [path.name for path in found] == ['a.LAS', 'clicks.csv', 'e.csv']
    assert len(look_through(tmp_path, [tmp_path]).clouds) == len(clouds) + 1, 'the folder itself'
    assert len(look_through(tmp_path).clouds) == len(clouds) + 1, 'clicks of that name are told by the caller'
    sentence = look_through(tmp_path, [tmp_path / 'clicks.csv']).sentence(tmp_path)
    assert sentence == (f'Not read in {tmp_path}: 1 .label (other.label); 2 .md (deep/notes.md, notes.md); 2 hidden '
                        '(.g.las, .hidden); 1 unfinished (a.part.las); 1 without a suffix (LICENSE).')


def test_nothing_is_left_out(tmp_path):
    for name in [f'{i}.las' for i in range(5)]:
        (tmp_path / name).write_bytes(b'')
    assert look_through(tmp_path).sentence(tmp_path) is None
    for name in [f'{i}.shp' for i in range(5)]:
        (tmp_path / name).write_bytes(b'')
    assert look_through(tmp_path).sentence(tmp_path) == f'Not read in {tmp_path}: 5 .shp (0.shp, 1.shp, 2.shp, ...).'


def test_links_are_followed_once(tmp_path):
    for name in ('root/real/a.las', 'root/b.las', 'elsewhere/c.las', 'elsewhere/deep/d.las', 'single.las'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    root = tmp_path / 'root'
    for link, to in [('a_linked', '../elsewhere'), ('again', '../elsewhere'), ('early', 'real'), ('loop', '.'),
                     ('file.las', '../single.las'), ('nothing.las', '../missing.las')]:
        os.symlink(to, root / link)
    listing = look_through(root)
    assert [path.relative_to(root).as_posix() for path in listing.clouds] == [
        'a_linked/c.las', 'a_linked/deep/d.las', 'b.las', 'file.las', 'real/a.las']
    assert {kind: [path.name for path in paths] for kind, paths in listing.left_out.items()} == {
        'links to what is there already': ['again', 'early', 'loop'], 'links to nothing': ['nothing.las']}


def test_a_folder_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    (tmp_path / 'a.las').write_bytes(b'')
    (tmp_path / 'closed').mkdir()
    scandir = os.scandir

    def refuse(path):  # as for a user who is not root
        if Path(path).name == 'closed':
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    assert look_through(tmp_path).left_out == {'folders that cannot be opened': [tmp_path / 'closed']}
