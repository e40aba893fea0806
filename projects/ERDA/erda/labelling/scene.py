"""What the page draws: the cloud, its labels, the point that is looked at, and the camera."""
import threading
import time
from typing import Optional, Sequence

import numpy as np
import viser
from viser.transforms import SO3

from ..weak_labels.suggestion_files import COLOUR
from .colouring import class_colours
from .file_labels import FileLabels
from .picking import Camera, view_of
from .shown_cloud import ShownCloud

NEAR, FAR = 0.05, 1e5  # metres, what a camera sees
CONTEXT = (2., 20.)  # metres, from how near a suggested point is looked at
SPACINGS_TO_EYE = 80
FLIGHT_STEPS, FLIGHT_SECONDS = 12, 0.3


class Scene:
    """The drawing of one file, the same in all pages; each page has a camera of its own.

    Args:
        server: of the pages.
        palette: K colours of classes, red, green, blue in 0 to 255.
    """

    def __init__(self, server: viser.ViserServer, palette: Sequence[Sequence[int]]) -> None:
        self._server = server
        self._palette = palette
        self._shown: Optional[ShownCloud] = None
        self._cloud: Optional[viser.PointCloudHandle] = None
        self._labels: Optional[viser.PointCloudHandle] = None
        self._marker: Optional[viser.LineSegmentsHandle] = None
        self._flights = 0
        self.point_size = 0.1

    def show(self, shown: ShownCloud, colours: np.ndarray) -> None:
        """Draw another file, seen as a whole."""
        self._shown, self.point_size = shown, 1.3 * shown.spacing
        if self._marker is not None:
            self._marker.remove()
            self._marker = None
        self._cloud = self._server.scene.add_point_cloud('/cloud', shown.xyz, colours, point_size=self.point_size,
                                                         point_shape='circle', precision='float32')
        for client in self._server.get_clients().values():
            self.look_at_all(client)

    def colour(self, colours: np.ndarray) -> None:
        """Other colours ``[N, 3]`` of the same points."""
        if self._cloud is not None:
            self._cloud.colors = colours

    def resize(self, point_size: float) -> None:
        """Other sizes of points, metres."""
        self.point_size = point_size
        for handle, size in ((self._cloud, point_size), (self._labels, 3 * point_size)):
            if handle is not None:
                handle.point_size = size

    def show_labels(self, labels: FileLabels) -> None:
        """Draw labelled points larger than the others."""
        assert self._shown is not None  # a file is open
        self._labels = self._server.scene.add_point_cloud(
            '/labels', (labels.xyz - self._shown.origin).astype(np.float32), class_colours(labels.label, self._palette),
            point_size=3 * self.point_size, point_shape='circle', precision='float32')

    def mark(self, xyz: np.ndarray) -> None:
        """A dot on a point, and a cross around it, open in the middle."""
        assert self._shown is not None  # a file is open
        reach = 15 * self._shown.spacing
        ends = np.concatenate([np.eye(3), -np.eye(3)])
        segments = np.stack([0.25 * reach * ends, reach * ends], axis=1).astype(np.float32)
        self._marker = self._server.scene.add_line_segments(
            '/marker', segments, np.array(COLOUR), thickness=3, thickness_units='screen',
            position=tuple(xyz - self._shown.origin))
        self._dot = self._server.scene.add_point_cloud('/marker/point', np.zeros((1, 3), np.float32), COLOUR,
                                                       point_size=1.6 * self.point_size, point_shape='circle')

    def fly_to(self, client: viser.ClientHandle, xyz: np.ndarray) -> None:
        """Move a page's camera to where a point is seen well, in a moment."""
        assert self._shown is not None  # a file is open
        shown, target = self._shown, xyz - self._shown.origin
        distance = float(np.clip(SPACINGS_TO_EYE * shown.spacing, *CONTEXT))
        eye = view_of(target, shown.xyz, distance, shown.spacing)
        self._flights += 1
        threading.Thread(target=self._fly, args=(client, eye, target, self._flights), daemon=True).start()

    def look_at_all(self, client: viser.ClientHandle) -> None:
        """Show a page the whole file."""
        client.camera.near, client.camera.far = NEAR, FAR
        if self._shown is None:
            return
        low, high = self._shown.xyz.min(axis=0), self._shown.xyz.max(axis=0)
        middle, size = (low + high) / 2, float(np.linalg.norm(high - low))
        client.camera.position = middle + size * np.array([0., -0.6, 0.6])
        client.camera.look_at = middle

    def _fly(self, client: viser.ClientHandle, eye: np.ndarray, target: np.ndarray, flight: int) -> None:
        start, start_target = np.array(client.camera.position), np.array(client.camera.look_at)
        for step in range(1, FLIGHT_STEPS + 1):
            if flight != self._flights:  # the next one has begun
                return
            share = (1 - np.cos(np.pi * step / FLIGHT_STEPS)) / 2
            with client.atomic():
                client.camera.position = start + share * (eye - start)
                client.camera.look_at = start_target + share * (target - start_target)
            time.sleep(FLIGHT_SECONDS / FLIGHT_STEPS)


def camera_of(client: viser.ClientHandle) -> Camera:
    """What a page sees."""
    camera = client.camera
    return Camera(np.array(camera.position), SO3(camera.wxyz).as_matrix(), camera.fov, camera.aspect)
