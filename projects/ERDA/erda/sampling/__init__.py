"""Scans as networks without voxels take them: on a grid, in regular samples, with neighbours, tested by votes."""
from .grid_pyramid import GridPyramid, check_grids, grid_pyramid
from .grid_subsample import GridSubsample
from .neighbor_tables import GridNeighborTables, NeighborTables
from .point_pyramid import PointPyramid, collated_pyramids, join_pyramids, point_pyramid, pyramids_of_batch
from .regular_point_sample import RegularPointSample
from .regular_sampling import least_seen, regular_sample
from .votes import vote
from .voting_segmentor import VotingSegmentor

__all__ = [
    'GridNeighborTables', 'GridPyramid', 'GridSubsample', 'NeighborTables', 'PointPyramid', 'RegularPointSample',
    'VotingSegmentor', 'check_grids', 'collated_pyramids', 'grid_pyramid', 'join_pyramids', 'least_seen',
    'point_pyramid', 'pyramids_of_batch', 'regular_sample', 'vote'
]
