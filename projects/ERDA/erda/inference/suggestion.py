"""Suggests points of files to label, by place alone or with a network."""
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..clouds.cloud_files import iter_point_cloud
from ..clouds.description import DESCRIPTION, read_description
from ..clouds.folder_dataset import labels_of_cloud
from ..weak_labels.click_labels import Click, ClickError
from ..weak_labels.point_suggestion import MAX_CANDIDATES, Candidates, candidate_points, join, suggest
from .candidate_features import candidate_features
from .errors import InferenceError
from .given_clouds import cloud_files
from .segmentor import Segmentor


class FileCandidates(NamedTuple):
    """Points of a file ``[M, 3]``, their numbers ``[M]``, and the places ``[L, 3]`` of its clicks."""
    xyz: np.ndarray
    index: np.ndarray  # type: ignore[assignment]  # hides tuple.index
    clicked: np.ndarray


def name_files(inputs: Sequence[Path]) -> Dict[str, Path]:
    """Files by the name that tables give them: that of a file, or the path below a folder that was given.

    Of a folder with ``erda.yaml`` they are the files of its training split, and those of validation if that has no
    labels but clicks; otherwise those of :func:`cloud_files`.

    Raises:
        InferenceError: if there is none, or two have the same name.
        DataError: if ``erda.yaml`` cannot be used.
    """
    names: Dict[str, Path] = {}
    for given in inputs:
        if (given / DESCRIPTION).is_file():
            description = read_description(given / DESCRIPTION)
            splits = ['train', *(['val'] if description.label_field is None and description.splits.get('val') else [])]
            new = {name: given / name for split in splits for name in description.files(split)}
        elif given.is_dir():
            new = {path.relative_to(given).as_posix(): path for path in cloud_files(given)}
        else:
            new = {given.name: given}
        if twice := [name for name in new if name in names and names[name].resolve() != new[name].resolve()]:
            raise InferenceError(f'{names[twice[0]]} and {new[twice[0]]} would have the same name in the table. Give '
                                 'the folder that holds both.')
        names.update(new)
    return names


def suggest_points(files: Dict[str, Path],
                   budget: int,
                   clicks: Optional[Mapping[str, Sequence[Click]]] = None,
                   segmentor: Optional[Segmentor] = None,
                   voxel_size: float = 0.2,
                   seed: int = 0,
                   advance: Callable[[], None] = lambda: None,
                   columns: Optional[Sequence[str]] = None) -> Candidates:
    """Points to label next, the most useful first, see :func:`erda.weak_labels.point_suggestion.suggest`.

    Args:
        files: from :func:`name_files`.
        budget: how many points of all files.
        clicks: points of each file that are labelled: none within a voxel of them is suggested, and the others keep
            away from them.
        segmentor: the network.
        voxel_size: one point of each voxel is a candidate, metres; larger where there are too many.
        seed: decides between equally good points.
        advance: called after each file.
        columns: names of the columns of ``.bin`` files, see :func:`count_points`.

    Raises:
        PointCloudError, InferenceError: if a file cannot be used.
        ClickError: if a click's number is not one of its file.
    """
    found: List[FileCandidates] = []
    for name, path in files.items():
        of_file = (clicks or {}).get(name, ())
        found.append(read_candidates(path, of_file, voxel_size, MAX_CANDIDATES // len(files) + 1, columns))
        if segmentor is None:
            advance()
    candidates = join([(part.xyz, part.index) for part in found])
    clicked = join([(part.clicked, np.zeros(len(part.clicked), dtype=np.int64)) for part in found])
    features, entropy = None, None
    if segmentor is not None:
        predicted = []
        for path, part in zip(files.values(), found):
            predicted.append(candidate_features(path, part.index, segmentor, columns=columns))
            advance()
        features = np.concatenate([part.features for part in predicted])
        entropy = np.concatenate([part.entropy for part in predicted])
    return candidates.take(suggest(candidates, clicked, budget, voxel_size, entropy, features, seed))


def labels_in_files(points: Candidates, files: Dict[str, Path], folder: Path) -> List[str]:
    """What a person who knows the labels of the files would answer: the class of each point, empty where it has none.

    Args:
        points: from :func:`suggest_points`.
        files: the same files, below ``folder``.
        folder: holds ``erda.yaml``, which names the field of the labels and their classes.

    Raises:
        InferenceError: if the description names no label field.
        DataError: if it cannot be used, or a file lacks the field or has a value that it does not list.
    """
    description = read_description(folder / DESCRIPTION)
    if description.label_field is None:
        raise InferenceError(f'{folder / DESCRIPTION} names no label_field, so there is no label to answer with.')
    names = [*description.classes, '', '']  # void and unlabelled points have none
    answers = np.full(len(points.index), '', dtype=object)
    for number, path in enumerate(files.values()):
        start = 0
        for chunk in iter_point_cloud(path, columns=description.columns):
            here = (points.file == number) & (points.index >= start) & (points.index < start + len(chunk.xyz))
            labels = labels_of_cloud(chunk, description, path)
            answers[here] = [names[label] for label in labels[points.index[here] - start]]
            start += len(chunk.xyz)
    return answers.tolist()


def read_candidates(path: Path, clicks: Sequence[Click], voxel_size: float, max_points: int,
                    columns: Optional[Sequence[str]] = None) -> FileCandidates:
    """One point of each voxel of a file, isolated ones left out, and the places of its clicks."""
    wanted = {click.index for click in clicks if click.xyz is None and click.index is not None}
    places: Dict[Optional[int], Tuple[float, ...]] = {}

    def chunks() -> Iterator[np.ndarray]:
        start = 0
        for chunk in iter_point_cloud(path, columns=columns):
            for number in wanted:
                if start <= number < start + len(chunk.xyz):
                    places[number] = tuple(chunk.xyz[number - start])
            start += len(chunk.xyz)
            yield chunk.xyz

    xyz, index = candidate_points(chunks, voxel_size, max_points)
    if missing := sorted(wanted - set(places)):
        raise ClickError(f'{path} has no point {missing[0]}, which a click names.')
    clicked = [places[click.index] if click.xyz is None else click.xyz for click in clicks]
    return FileCandidates(xyz, index, np.array(clicked, dtype=np.float64).reshape(-1, 3))
