"""Which file is written for which input."""
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence

from ..clouds.cloud_files import copy_name
from .errors import InferenceError
from .given_clouds import cloud_files


class FilePair(NamedTuple):
    """A file and where its labelled copy goes."""
    source: Path
    target: Path


def file_pairs(inputs: Sequence[Path], out_dir: Path) -> List[FilePair]:
    """The inputs and their outputs, which have the names of :func:`copy_name`.

    Those from a folder keep their place below it.

    Args:
        inputs: files, or folders, see :func:`cloud_files`.
        out_dir: folder of the outputs; if it is inside an input folder, what it holds is no input.

    Raises:
        InferenceError: if a folder has no file, an output is its own input, or two have the same name.
        DataError: if a folder's ``erda.yaml`` cannot be used.
    """
    pairs: Dict[Path, FilePair] = {}
    inside = out_dir.resolve()
    for given in inputs:
        if given.is_dir():
            new = [FilePair(path, out_dir / path.relative_to(given).with_name(copy_name(path.name)))
                   for path in cloud_files(given)
                   if inside not in path.resolve().parents or inside == given.resolve()]
        else:
            new = [FilePair(given, out_dir / copy_name(given.name))]
        for pair in new:
            other = pairs.setdefault(pair.target, pair)
            if other.source.resolve() != pair.source.resolve():
                raise InferenceError(f'{other.source} and {pair.source} would both be written to {pair.target}. Label '
                                     'them in two calls, with different folders.')
    for source, target in pairs.values():
        if target.resolve() == source.resolve() or target.exists() and target.samefile(source):
            raise InferenceError(f'{source} would be overwritten by its own result. Choose another folder with -o.')
    return list(pairs.values())
