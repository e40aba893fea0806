"""ScanNet v2: the official scans into what mmdet3d's ScanNetSegDataset reads."""
import csv
import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

from ..clouds.cloud_files import read_point_cloud
from ..files.data_error import DataError
from ..files.progress import track
from .mmdet3d_converters import Split, save_array, scannet_converter, write_indoor_infos

LABEL_TABLE = 'scannetv2-labels.combined.tsv'
NUM_NYU40_IDS = 41  # 0 is unannotated
COLORS = ('red', 'green', 'blue')
BOX_CLASSES = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)  # nyu40 ids that mmdet3d has boxes of


class SceneFiles(NamedTuple):
    """Files of one scene; a test scene has the mesh alone."""
    mesh: Path
    segments: Optional[Path] = None
    aggregation: Optional[Path] = None
    meta: Optional[Path] = None


class Labels(NamedTuple):
    """nyu40 ids and instance ids from 1, both ``[N]`` int64, zero where nobody annotated."""
    semantic_mask: np.ndarray
    instance_mask: np.ndarray


class SceneArrays(NamedTuple):
    """What mmdet3d's converter reads: each is a file with this ending. A test scene has the vertices alone.

    ``vert`` is ``[N, 6]`` float32 (metres, not axis aligned; red, green, blue in 0..255), the masks are those of
    :class:`Labels`, boxes are ``[B, 7]`` with centre, size and nyu40 id. ``vert`` is written last: where it is, the
    scene is complete.
    """
    sem_label: Optional[np.ndarray]
    ins_label: Optional[np.ndarray]
    axis_align_matrix: Optional[np.ndarray]
    unaligned_bbox: Optional[np.ndarray]
    aligned_bbox: Optional[np.ndarray]
    vert: np.ndarray


def prepare_scannet(root: Path) -> Dict[str, int]:
    """Convert ``root/scans``, and ``root/scans_test`` where it exists, into mmdet3d's files below ``root``.

    All files of all listed scenes must be there before anything is written. Each scene is then checked and kept in
    ``scannet_instance_data``, where an interrupted conversion continues; delete that folder to start over.
    ``scannet_infos_*.pkl`` appear after the last scene.

    Args:
        root: folder that holds ``scans/SCENE``, ``scans_test/SCENE`` and ``meta_data`` with
            ``scannetv2-labels.combined.tsv`` and ``scannetv2_{train,val,test}.txt``.

    Returns: number of scenes per split.

    Raises:
        DataError: for a missing file, or one that is truncated or contradicts the others of its scene.
    """
    nyu40_ids = read_label_table(root / 'meta_data' / LABEL_TABLE)
    splits = [_split(root, 'train'), _split(root, 'val')]
    if (root / 'scans_test').is_dir():
        splits.append(_split(root, 'test'))
    scenes = {scene: _scene_files(root, scene, split.labelled) for split in splits for scene in split.scenes}
    arrays = root / 'scannet_instance_data'
    arrays.mkdir(exist_ok=True)
    todo = [scene for scene in scenes if not (arrays / f'{scene}_vert.npy').is_file()]
    for scene in track(todo, description=f'Reading {len(todo)} scenes'):
        for kind, array in read_scene(scenes[scene], nyu40_ids)._asdict().items():
            if array is not None:
                save_array(arrays / f'{scene}_{kind}.npy', array)
    write_indoor_infos(root, scannet_converter(), splits)
    return {split.name: len(split.scenes) for split in splits}


def read_scene(files: SceneFiles, nyu40_ids: Dict[str, int]) -> SceneArrays:
    """A checked scene; raises what the readers below raise."""
    vertices = read_vertices(files.mesh)
    if files.aggregation is None or files.meta is None:
        return SceneArrays(None, None, None, None, None, vertices)
    labels = read_labels(files, len(vertices), nyu40_ids)
    axis_align_matrix = read_axis_alignment(files.meta)
    xyz = vertices[:, :3]
    aligned = xyz @ axis_align_matrix[:3, :3].T + axis_align_matrix[:3, 3]
    return SceneArrays(*labels, axis_align_matrix, _boxes(xyz, labels), _boxes(aligned, labels), vertices)


def read_vertices(path: Path) -> np.ndarray:
    """Vertices ``[N, 6]`` float32 of a mesh: x, y, z in metres, red, green, blue.

    Raises:
        DataError: if the file is no PLY file, truncated, empty or without colours, or has NaN or infinite coordinates.
    """
    cloud = read_point_cloud(path)
    if missing := sorted(set(COLORS) - set(cloud.fields)):
        raise DataError(f'{path}: its vertices have no {", ".join(missing)}. ScanNet\'s *_vh_clean_2.ply has them.')
    return np.column_stack([cloud.xyz, *(cloud.fields[name] for name in COLORS)]).astype(np.float32)


def read_labels(files: SceneFiles, num_vertices: int, nyu40_ids: Dict[str, int]) -> Labels:
    """Labels of the mesh's vertices: a vertex is in a segment, and an object is a group of segments.

    Raises:
        DataError: if the segments belong to another mesh, or an object has a segment or a label that does not exist.
    """
    assert files.segments is not None and files.aggregation is not None  # not of the test
    segments = np.asarray(_read_json(files.segments, 'segIndices'))
    if segments.shape != (num_vertices, ):
        raise DataError(f'{files.segments}: {len(segments)} vertices have a segment, but {files.mesh.name} has '
                        f'{num_vertices} vertices. They do not belong together: download both again.')
    semantic_mask = np.zeros(num_vertices, dtype=np.int64)
    instance_mask = np.zeros(num_vertices, dtype=np.int64)
    known = np.unique(segments)
    for group in _read_json(files.aggregation, 'segGroups'):
        try:
            label, object_id, members = group['label'], int(group['objectId']), np.asarray(group['segments'], int)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f'{files.aggregation}: an object of segGroups lacks label, objectId or segments '
                            f'({error!r}). Download it again.') from error
        if label not in nyu40_ids:
            raise DataError(f'{files.aggregation}: object {object_id} has label {label!r}, which {LABEL_TABLE} does '
                            'not list. Use the table that came with this download.')
        if len(missing := np.setdiff1d(members, known)):
            raise DataError(f'{files.aggregation}: object {object_id} has segments {missing[:3].tolist()} that '
                            f'{files.segments.name} has not. Download both again.')
        vertices = np.isin(segments, members)
        semantic_mask[vertices] = nyu40_ids[label]
        instance_mask[vertices] = object_id + 1
    return Labels(semantic_mask, instance_mask)


def read_axis_alignment(path: Path) -> np.ndarray:
    """``[4, 4]`` transform that turns a scene's walls parallel to the axes, from its ``.txt`` file."""
    for line in path.read_text(encoding='utf-8', errors='replace').splitlines():
        name, _, values = line.partition('=')
        if name.strip() == 'axisAlignment':
            try:
                matrix = np.array(values.split(), dtype=np.float64).reshape(4, 4)
            except ValueError as error:
                raise DataError(f'{path}: axisAlignment is not 16 numbers. Download it again.') from error
            if np.isfinite(matrix).all():
                return matrix
            raise DataError(f'{path}: axisAlignment has NaN or infinite values. Download it again.')
    raise DataError(f'{path} has no line "axisAlignment = ...", which all scenes of ScanNet v2 but the test scenes '
                    'have. Download it again.')


def read_label_table(path: Path) -> Dict[str, int]:
    """nyu40 id of each raw category."""
    if not path.is_file():
        raise DataError(f'{path} does not exist. The ScanNet download has this table; put or link it there.')
    with path.open(newline='', encoding='utf-8') as file:
        try:
            table = {row['raw_category']: int(row['nyu40id']) for row in csv.DictReader(file, delimiter='\t')}
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f'{path}: it is not a tab-separated table with raw_category and a number in nyu40id '
                            f'({error!r}). Download it again.') from error
    if unknown := sorted({nyu40_id for nyu40_id in table.values() if not 0 <= nyu40_id < NUM_NYU40_IDS}):
        raise DataError(f'{path}: nyu40id {unknown} are not in 0..{NUM_NYU40_IDS - 1}. Download it again.')
    return table


def _boxes(xyz: np.ndarray, labels: Labels) -> np.ndarray:
    boxes = []
    for instance in np.unique(labels.instance_mask[np.isin(labels.semantic_mask, BOX_CLASSES)]):
        inside = labels.instance_mask == instance
        low, high = xyz[inside].min(axis=0), xyz[inside].max(axis=0)
        boxes.append([*(low + high) / 2, *high - low, labels.semantic_mask[inside][0]])
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 7)


def _read_json(path: Path, key: str) -> List[Any]:
    try:
        return list(json.loads(path.read_bytes())[key])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f'{path} is not JSON with {key} ({error!r}). It is truncated or another file: '
                        'download it again.') from error


def _split(root: Path, name: str) -> Split:
    path = root / 'meta_data' / f'scannetv2_{name}.txt'
    if not path.is_file():
        raise DataError(f'{path} does not exist. The list of {name} scenes is in the ScanNet repository, '
                        'Tasks/Benchmark, and in mmdet3d, data/scannet/meta_data; put it there.')
    scenes = path.read_text().split()
    if not scenes:
        raise DataError(f'{path} lists no scene. Put the official list there.')
    return Split(name, scenes, labelled=name != 'test')


def _scene_files(root: Path, scene: str, labelled: bool) -> SceneFiles:
    folder = root / ('scans' if labelled else 'scans_test') / scene
    endings = ('_vh_clean_2.ply', '_vh_clean_2.0.010000.segs.json', '.aggregation.json', '.txt')
    files = SceneFiles(*(folder / f'{scene}{ending}' for ending in (endings if labelled else endings[:1])))
    for path in files:
        if path is not None and not path.is_file():
            raise DataError(f'{path} does not exist. Download the scene again, or take {scene} out of the list in '
                            f'{root / "meta_data"}.')
    return files
