"""Writes ray-cast street scenes in SemanticKITTI's own files, so that its loaders read them."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..files.generated_files import claim_folder, run_in_processes
from ..files.whole_file import write_whole
from .lidar_sensor import LidarSensor, SyntheticScan, scan_scene
from .street_ground import StreetGround, seeded_generator
from .street_scene import leading_vehicle, populate_street

# Many streets with few scans each: the scans of one street are much alike, and one truck is a class of its own.
TRAIN_STREETS = [f'{street:02d}' for street in range(16)]
VAL_STREETS = [f'{street:02d}' for street in range(16, 28)]
FRAMES_PER_STREET = 4
MANIFEST_NAME = 'synthetic_lidar.json'
# Raise it whenever the same arguments would give other bytes.
GENERATOR_VERSION = 1
DEFAULT_SENSOR = LidarSensor()
FRAME_SPACING = 5.0  # metres driven between two scans


class _ScanFiles(NamedTuple):
    points: Path
    labels: Path


def simulate_scan(seed: int, sequence: int, frame: int,
                  sensor: LidarSensor = DEFAULT_SENSOR) -> SyntheticScan:
    """One scan of a procedural street; a pure function of its arguments.

    Args:
        seed: picks the set of streets.
        sequence: picks the street; other sequences are other streets.
        frame: how far it has been driven, ``FRAME_SPACING`` metres a frame.
    Returns: points ``[N, 4]`` float32 (x forward, y left, z up in metres from the sensor,
        remission 0..1) and raw SemanticKITTI ids ``[N]`` uint32 with instance 0.
    Raises: ValueError for a negative seed, sequence or frame.
    """
    if min(seed, sequence, frame) < 0:
        raise ValueError('seed, sequence and frame must not be negative, got '
                         f'{seed}, {sequence}, {frame}')
    along = frame * FRAME_SPACING
    start, stop = along - sensor.max_range - 5.0, along + sensor.max_range + 5.0
    ground = StreetGround(seed, sequence, start, stop)
    solids = populate_street(ground, seed, sequence, start, stop)

    rng = seeded_generator('scan', seed, sequence, frame)
    lane = -0.5 * ground.style.road_half_width
    solids += leading_vehicle(ground, rng, along, lane)
    x, y = ground.to_world(along, lane + rng.normal(0, 0.15))
    road = float(ground.height(np.array([x]), np.array([y]))[0])
    origin = np.array([x, y, road + sensor.height])
    heading = float(ground.heading(along)) + rng.normal(0, 0.03)
    return scan_scene(sensor, origin, heading, ground, solids, rng)


def write_synthetic_semantickitti(out: Path, frames: Mapping[str, int], seed: int = 0,
                                  sensor: LidarSensor = DEFAULT_SENSOR, workers: int = 2,
                                  progress: bool = True) -> int:
    """Write ``out/sequences/SS/{velodyne/NNNNNN.bin,labels/NNNNNN.label}``.

    A scan is written whole or not at all, and those already there are kept, so an interrupted
    run is continued by running it again. Bytes depend neither on ``workers`` nor on order.

    Args:
        out: folder for this data set alone; it remembers its seed and sensor in a manifest.
        frames: scans wanted per sequence, for example ``{'00': 10, '08': 4}``.
        workers: processes.
        progress: whether to show a progress bar.
    Returns: number of scans written by this call.
    Raises: ValueError if ``frames`` asks for nothing, a sequence is not a number, or ``out``
        holds scans made with other parameters or by something else, or more scans than asked for;
        or for a negative seed or no worker.
    """
    out = Path(out)
    if not frames or min(frames.values()) < 1:
        raise ValueError("frames must name at least one sequence with at least one scan each, "
                         f"like {{'00': 10}}; got {dict(frames)}")
    wrong = [name for name in frames if not (name.isascii() and name.isdigit())]
    if wrong:
        raise ValueError(f"sequences are numbers like '00', got {wrong}")
    if workers < 1 or seed < 0:
        raise ValueError(f'need workers >= 1 and seed >= 0, got {workers} and {seed}')
    claim_folder(out, MANIFEST_NAME, {'generator_version': GENERATOR_VERSION, 'seed': seed, **asdict(sensor)},
                 foreign=lambda folder: (folder / 'sequences').exists())
    scans = [(name, frame) for name, count in frames.items() for frame in range(count)]
    surplus = sorted({*out.glob('sequences/*/velodyne/*.bin')} - {_scan_files(out, *scan).points for scan in scans})
    if surplus:
        raise ValueError(f'{out} holds {len(surplus)} scans beside the {len(scans)} that are asked for, such as '
                         f'{surplus[0]}; they would become part of the data set. Delete the folder or name another')
    missing = [scan for scan in scans if not _is_complete(_scan_files(out, *scan))]
    if not missing:
        return 0
    for name in frames:
        for path in _scan_files(out, name, 0):
            path.parent.mkdir(parents=True, exist_ok=True)

    run_in_processes(_write_scan, [(out, *scan, seed, sensor) for scan in missing], workers, 'synthetic scans',
                     progress)
    return len(missing)


def _scan_files(out: Path, sequence: str, frame: int) -> _ScanFiles:
    folder = out / 'sequences' / sequence
    return _ScanFiles(folder / 'velodyne' / f'{frame:06d}.bin',
                      folder / 'labels' / f'{frame:06d}.label')


def _is_complete(files: _ScanFiles) -> bool:
    """Whether both files are there with as many labels as points."""
    if not (files.points.is_file() and files.labels.is_file()):
        return False
    return files.points.stat().st_size == 4 * files.labels.stat().st_size > 0


def _write_scan(out: Path, sequence: str, frame: int, seed: int, sensor: LidarSensor) -> None:
    scan = simulate_scan(seed, int(sequence), frame, sensor)
    files = _scan_files(out, sequence, frame)
    write_whole(files.labels, scan.labels.astype('<u4').tobytes())
    write_whole(files.points, scan.points.astype('<f4').tobytes())
