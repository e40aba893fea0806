"""The page: what people ask for changes a session, and what is shown of it."""
import threading
from typing import Callable, Optional

import numpy as np
import viser

from ..files.data_error import DataError
from ..inference.candidate_features import PointPredictions
from ..weak_labels.label_propagation import PropagatedLabels
from .action_queue import ActionQueue
from .faults import fault_sentence
from .live_propagation import LivePropagation
from .network import Network
from .panel import TRAIN_EARLY, Client, Commands, Panel, in_order
from .scene import Scene, camera_of
from .session import Session
from .shown_cloud import ShownCloud
from .suggestions import candidates_of
from .training_process import Trainings
from .views import CONFIDENCE, ENTROPY, LABEL, PREDICTION, PROPAGATED, first_view, view, view_names

POLL_SECONDS = 1.0


class Page:
    """What all pages of a server show of a session, and what they do to it.

    All that people do is done in one thread, in its order; what takes long is prepared in another.

    Args:
        server: of the pages.
        session: what is labelled.
        trainings: that can be started.
        network: a trained one to begin with, if there is one.
        say: called with each sentence that the page shows, for the terminal.
    """

    def __init__(self, server: viser.ViserServer, session: Session, trainings: Trainings,
                 network: Optional[Network] = None, say: Callable[[str], None] = print) -> None:
        self._session, self._say_too = session, say
        self._trainings, self._failure, self._checkpoint = trainings, trainings.why_failed(), trainings.checkpoint()
        if network is None and self._checkpoint is not None:
            network = Network(str(trainings.config), str(self._checkpoint))
        self._network = network
        self._by_network: Optional[PointPredictions] = None  # without the clicks
        self._live: Optional[LivePropagation] = None
        self._brush: Optional[str] = None
        self._said, self._before_spread = '', ''
        # What people do, in its order; and what takes long.
        self._actions, self._background, self._predicting = (ActionQueue(self._fault) for _ in range(3))
        self._scene = Scene(server, session.description.colours)
        self._panel = Panel(server, list(session.files), session.classes, session.description.colours, Commands(
            open=self._open, move=self._move, choose=self._choose, undo=self._undo, redo=self._redo,
            use_free_clicks=self._use_free_clicks, train=self._start_training, stop_training=trainings.stop,
            colour=self._colour, show_spread=self._toggle_spread, resize=self._scene.resize), self._do)
        server.scene.on_click()(in_order(self._do, self._click))
        server.scene.on_rect_select(modifier='shift')(in_order(self._do, self._rectangle))
        server.on_client_connect(lambda client: self._do(lambda: self._scene.look_at_all(client)))
        self._poll()

    def open(self, name: str) -> None:
        """Open a file, and show it when it is read."""
        self._do(lambda: self._open(name))

    # What people do.

    def _open(self, name: str) -> None:
        if name == self._session.name:
            return
        self._say(f'Reading {name} ...')
        try:
            self._session.open(name)
        except DataError:
            if self._session.name:
                self._panel.show_file(self._session.name)
            raise
        shown = self._session.shown
        assert shown is not None  # it is open
        self._live, self._by_network, self._before_spread = None, None, ''
        self._panel.show_file(name)
        self._panel.show_views(view_names(self._session, shown), first_view(shown))
        drawn = view(self._session, shown, first_view(shown))
        self._panel.show_legend(drawn.legend)
        self._scene.show(shown, drawn.colours)
        self._panel.show_size(self._scene.point_size)
        part = '' if len(shown.index) == shown.total else f', of which {len(shown.index):,} are shown'
        self._say(f'{name}: {shown.total:,} points{part}.')
        self._show_labels()
        self._show_current(None)
        self._show_complaints()
        self._background.put(lambda: self._prepare(shown))
        self._predict()

    def _start_training(self) -> None:
        folder = self._trainings.start()
        self._say(f'A training has begun in {folder}. It goes on when this page is closed.')
        self._show_training()

    def _move(self, steps: int, client: Client) -> None:
        self._session.move(steps)
        self._show_current(client)

    def _choose(self, text: Optional[str], client: Client) -> None:
        """A class is said of the suggested point, or is what the next free clicks say."""
        if self._panel.has_free_clicks:
            self._brush = text
            self._use_free_clicks()
        elif text is None:
            if (point := self._session.queue.current) is not None:
                self._session.remove(point.index)
                self._after_change(client)
        else:
            self._session.answer(text)
            self._after_change(client)

    def _undo(self, client: Client) -> None:
        self._session.undo()
        self._after_change(client)

    def _redo(self, client: Client) -> None:
        self._session.redo()
        self._after_change(client)

    def _use_free_clicks(self) -> None:
        if not self._panel.has_free_clicks:
            self._say('Keys answer the suggested point.')
        elif self._brush is None:
            self._say('Free clicks: each takes back a label. Choose a class to give it.')
        else:
            self._say(f'Free clicks: each says "{self._brush or "cannot tell"}". With Shift, draw a rectangle.')

    def _click(self, event: viser.SceneClickEvent) -> None:
        if not self._panel.has_free_clicks:
            return
        origin, direction = np.array(event.ray_origin), np.array(event.ray_direction)
        if self._brush is None:
            self._session.remove_at_ray(origin, direction)
        else:
            self._session.label_ray(origin, direction, self._brush)
        self._after_change(None)

    def _rectangle(self, event: viser.SceneRectSelectEvent) -> None:
        if not self._panel.has_free_clicks or self._brush is None:
            return
        count = self._session.label_rectangle(camera_of(event.client), event.screen_min, event.screen_max, self._brush)
        self._say(f'{count:,} points are "{self._brush or "cannot tell"}" now.')
        self._after_change(None)

    # What is shown.

    def _after_change(self, client: Client) -> None:
        self._show_labels()
        self._show_current(client)

    def _show_current(self, client: Client) -> None:
        self._panel.show_point(self._session.queue, self._session.current_text())
        point = self._session.queue.current
        if point is None:
            return
        self._scene.mark(point.xyz)
        if client is not None:
            self._scene.fly_to(client, point.xyz)

    def _show_labels(self) -> None:
        labels = self._session.labels
        assert labels is not None  # a file is open
        self._scene.show_labels(labels)
        self._panel.show_counts(self._session.counts)
        if self._panel.view == LABEL:
            self._colour()
        self._propagate()

    def _toggle_spread(self) -> None:
        """Colour the cloud by its propagated labels, or as it was before."""
        if self._session.shown is None:
            return
        if self._panel.view != PROPAGATED:
            self._before_spread, self._panel.view = self._panel.view, PROPAGATED
        else:
            self._panel.view = self._before_spread or first_view(self._session.shown)
        self._colour()

    def _colour(self) -> None:
        shown = self._session.shown
        if shown is not None:
            drawn = view(self._session, shown, self._panel.view)
            self._panel.show_legend(drawn.legend)
            self._scene.colour(drawn.colours)

    # What happens meanwhile.

    def _prepare(self, shown: ShownCloud) -> None:
        candidates = candidates_of(shown)
        self._if_open(shown, lambda: setattr(self._session, 'candidates', candidates))
        live = LivePropagation(shown)
        self._if_open(shown, lambda: self._use(live))

    def _use(self, live: LivePropagation) -> None:
        self._live = live
        self._propagate()

    def _if_open(self, shown: ShownCloud, action: Callable[[], None]) -> None:
        """Do this with a result, unless another file was opened meanwhile."""
        self._do(lambda: action() if self._session.shown is shown else None)

    def _predict(self) -> None:
        """Ask the network about the open file, if there is one."""
        session, shown, network = self._session, self._session.shown, self._network
        if network is None or shown is None:
            return

        def predict() -> None:
            if session.shown is shown and self._network is network:
                predictions = network.predict(shown, session.description.columns)
                self._if_open(shown, lambda: self._show_predicted(shown, predictions))

        self._predicting.put(predict)

    def _show_predicted(self, shown: ShownCloud, predictions: PointPredictions) -> None:
        self._by_network = self._session.predictions = predictions
        self._panel.show_views(view_names(self._session, shown), self._panel.view)
        self._colour()
        self._propagate()
        self._say('The network has labelled this file, together with your clicks: colour it by prediction or entropy. '
                  'Points are suggested where it is unsure.')

    def _propagate(self) -> None:
        """Let the labels travel, in the background."""
        shown, live, labelled = self._session.shown, self._live, self._session.labelled_rows()
        network, predictions = self._network, self._by_network
        if live is None or shown is None:
            return

        def propagate() -> None:
            if self._background.is_last:  # of several changes only the last one counts
                result = live.propagate(*labelled)
                both = predictions
                if network is not None and predictions is not None:
                    both = predictions.with_clicks(result, network.prior_exponent)
                self._if_open(shown, lambda: self._show_propagated(result, both))

        self._background.put(propagate)

    def _show_propagated(self, result: PropagatedLabels, predictions: Optional[PointPredictions]) -> None:
        self._session.result = result
        self._panel.show_spread(result)
        if predictions is not None:
            self._session.predictions = predictions
        if self._panel.view in (PROPAGATED, CONFIDENCE, PREDICTION, ENTROPY):
            self._colour()

    def _poll(self) -> None:
        self._do(self._look_for_changes)
        self._do(self._show_training)
        timer = threading.Timer(POLL_SECONDS, self._poll)
        timer.daemon = True
        timer.start()

    def _look_for_changes(self) -> None:
        if not self._session.tables_have_changed():
            return
        if self._session.shown is None:  # what kept it from being opened may be mended now
            self._open(self._panel.file)
            return
        self._session.reload()
        self._say('The clicks were changed elsewhere: they have been read again.')
        self._show_labels()
        self._show_complaints()
        self._show_current(None)

    def _show_complaints(self) -> None:
        labels = self._session.labels
        if labels is not None and labels.complaints:
            more = f' ({len(labels.complaints) - 1} more)' if len(labels.complaints) > 1 else ''
            self._say(labels.complaints[0] + more, wrong=True)

    def _show_training(self) -> None:
        trainings = self._trainings
        running = trainings.is_running
        if not running and (failure := trainings.why_failed()) != self._failure:
            self._failure = failure
            if failure is not None:
                self._say(failure, wrong=True)
        checkpoint = trainings.checkpoint()
        if checkpoint is not None and checkpoint != self._checkpoint:
            self._checkpoint = checkpoint
            self._network = Network(str(trainings.config), str(checkpoint))
            self._predict()
        if running:
            self._panel.show_training(trainings.progress())
        elif self._network is not None:
            what = 'Trained' if self._predicting.is_idle else 'It is labelling this file'
            self._panel.show_no_training(f'{what}: {self._network.checkpoint}')
        else:
            self._panel.show_no_training(TRAIN_EARLY)

    # How it is done.

    def _do(self, action: Callable[[], None]) -> None:
        self._actions.put(action)

    def _fault(self, error: Exception) -> None:
        self._say(fault_sentence(error, self._session.table.path), wrong=True)

    def _say(self, sentence: str, wrong: bool = False) -> None:
        self._panel.say(sentence, wrong)
        if sentence != self._said:
            self._say_too(sentence)
        self._said = sentence
