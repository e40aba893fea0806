"""Where the weights of a published model are on this machine."""
from pathlib import Path

from ..files.digest import sha256
from .download import download
from .errors import CheckpointError
from .metafile import Metafile, WeightsFile, find_metafile, read_metafile

SCHEME = 'erda://'


def local_path(file: WeightsFile, metafile: Metafile) -> Path:
    """In the repository, or in torch's folder of downloaded checkpoints; whether it is there or not."""
    if file.is_remote:
        import torch  # takes seconds, and is needed for nothing else here
        return Path(torch.hub.get_dir()) / 'checkpoints' / file.name
    return metafile.path.parent / file.source


def check_weights_file(file: WeightsFile, path: Path) -> None:
    """Compare a file with its entry.

    Raises:
        CheckpointError: if it does not exist or is another file.
    """
    if not path.is_file():
        raise CheckpointError(f'{path} does not exist.')
    if (found := sha256(path)) != file.sha256:
        raise CheckpointError(f'{path} is not the published file: its sha256 is {found}, the metafile has '
                              f'{file.sha256}. Delete it and get it again.')


def fetch(file: WeightsFile, metafile: Metafile) -> Path:
    """Path of a file that is, or is made to be, on this machine, and has the published sha256.

    Raises:
        CheckpointError: if it cannot be downloaded, or a file of the repository is missing or differs.
    """
    path = local_path(file, metafile)
    if file.is_remote:
        download(file.source, path, file.sha256, file.size)
    else:
        check_weights_file(file, path)
    return path


def fetch_named(name: str) -> Path:
    """The same for ``erda://NAME``.

    Raises:
        CheckpointError: also if there is no such model.
    """
    metafile = read_metafile(find_metafile())
    return fetch(metafile.model(name[len(SCHEME):]).files[0], metafile)
