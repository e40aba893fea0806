"""The point clouds of a folder, and what else is in it."""
import os
from pathlib import Path
from typing import Collection, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..weak_labels.suggestion_files import CLOUD_SUFFIX, ROUND
from .cloud_files import BARE_NUMBERS, SUFFIXES
from .description import CACHE, CONFIG, DESCRIPTION, LEGEND, RECORDS

NAMED_FILES = 3  # of each kind that is not read


class Listing(NamedTuple):
    """What is in a folder.

    Attributes:
        clouds: files with one of ``SUFFIXES`` at any depth, sorted.
        left_out: what is not read and not ours, sorted, by what it is.
    """
    clouds: List[Path]
    left_out: Dict[str, List[Path]]

    def only(self, folder: Path, names: Collection[str]) -> 'Listing':
        """The same with the clouds of these names, relative to the folder; the others are in no split."""
        chosen = [path for path in self.clouds if path.relative_to(folder).as_posix() in names]
        others = sorted(set(self.clouds).difference(chosen))
        return Listing(chosen, {**self.left_out, **({'in no split': others} if others else {})})

    def sentence(self, folder: Path) -> Optional[str]:
        """What is not read, counted and named; ``None`` if all is."""
        if not self.left_out:
            return None
        kinds = []
        for kind, paths in sorted(self.left_out.items()):
            names = [path.relative_to(folder).as_posix() for path in paths[:NAMED_FILES]]
            kinds.append(f'{len(paths)} {kind} ({", ".join([*names, *["..."] * (len(paths) > NAMED_FILES)])})')
        return f'Not read in {folder}: {"; ".join(kinds)}.'


def look_through(folder: Path, clicks: Sequence[Path] = ()) -> Listing:
    """The point clouds of a folder and of those that it links to, and what is no cloud.

    Hidden and unfinished files are left out. What ERDA wrote there is neither a cloud nor left out: suggested points,
    the description, and what belongs to a ``.bin`` file.

    Args:
        folder: where to look.
        clicks: files, folders or patterns of clicks in it, which are no point clouds.
    """
    clouds: List[Path] = []
    left_out: Dict[str, List[Path]] = {}
    found = list(_walk(folder))
    bare = {path.stem for path, _ in found if path.suffix.lower() == BARE_NUMBERS}
    given = [each.resolve() for each in clicks]
    for path, kind in found:
        kind = kind or _kind(path)
        ours = path.name in (DESCRIPTION, CONFIG, CACHE, LEGEND, RECORDS) or path.name.endswith(CLOUD_SUFFIX)
        ours |= bool(ROUND.fullmatch(path.name))
        ours |= path.suffix == '.npz' and path.with_suffix(BARE_NUMBERS).is_file()
        ours |= path.suffix == '.label' and path.stem in bare
        if ours or _is_clicks(path.resolve(), given, folder.resolve()):
            continue
        (clouds if kind is None else left_out.setdefault(kind, [])).append(path)
    return Listing(sorted(clouds), {kind: sorted(paths) for kind, paths in left_out.items()})


def _is_clicks(path: Path, clicks: Sequence[Path], folder: Path) -> bool:
    """Whether a file is one of the clicks, or in a folder of them that does not hold the clouds, too."""
    return any(path.match(str(each)) or (each in path.parents and each not in (folder, *folder.parents))
               for each in clicks)


def _kind(path: Path) -> Optional[str]:
    """Why a file is not read; ``None`` if it is."""
    if path.name.startswith('.'):
        return 'hidden'
    if not path.is_file():
        return 'links to nothing'
    if path.stem.endswith('.part'):
        return 'unfinished'
    if path.suffix.lower() not in SUFFIXES:
        return path.suffix.lower() or 'without a suffix'
    return None


def _walk(folder: Path) -> Iterator[Tuple[Path, Optional[str]]]:
    """All files, and the folders that are not gone through with the reason; linked folders come last, each once."""
    tops, seen = [folder], set()
    closed: List[Path] = []
    while tops:
        top = tops.pop(0)
        if os.path.realpath(top) in seen:
            yield top, 'links to what is there already'
            continue
        for here, folders, files in os.walk(top, onerror=lambda error: closed.append(Path(error.filename))):
            if os.path.realpath(here) in seen:
                folders.clear()
                continue
            seen.add(os.path.realpath(here))
            for name in list(folders):
                path = Path(here, name)
                if name.startswith('.') or path.is_symlink():
                    folders.remove(name)
                    if name.startswith('.'):
                        yield path, 'hidden'
                    else:
                        tops.append(path)
            yield from ((Path(here, name), None) for name in files)
    yield from ((path, 'folders that cannot be opened') for path in closed)
