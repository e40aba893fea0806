"""The page: buttons, keys and clicks that change a session, and what is shown of it."""
import logging
import queue
import threading
import traceback
from functools import partial
from typing import Any, Callable, List, Optional

import numpy as np
import viser

from ..clouds.click_files import VOID
from ..config import ConfigError
from ..files.data_error import DataError
from ..inference.errors import InferenceError
from ..weak_labels.label_propagation import PropagatedLabels
from . import keys
from .click_table import CANNOT_TELL
from .live_propagation import LivePropagation, share_sure
from .network import Network
from .scene import Scene, camera_of
from .session import Session
from .shown_cloud import ShownCloud
from .suggestions import candidates_of
from .training_process import Trainings
from .views import CONFIDENCE, HEIGHT, LABEL, PROPAGATED, first_view, view, view_names

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
        self._server, self._session, self._say_too = server, session, say
        self._trainings, self._failure, self._checkpoint = trainings, trainings.why_failed(), trainings.checkpoint()
        if network is None and self._checkpoint is not None:
            network = Network(str(trainings.config), str(self._checkpoint))
        self._network = network
        self._palette = session.description.colours
        self._scene = Scene(server, self._palette)
        self._actions: queue.Queue = queue.Queue()
        self._background: queue.Queue = queue.Queue()
        self._predicting: queue.Queue = queue.Queue()
        self._live: Optional[LivePropagation] = None
        self._brush: Optional[str] = None
        self._said = ''
        self._build()
        server.on_client_connect(lambda client: self._do(lambda: self._scene.look_at_all(client)))
        for work in (self._actions, self._background, self._predicting):
            threading.Thread(target=_work, args=(work, self._fault), daemon=True).start()
        self._poll()

    def open(self, name: str) -> None:
        """Open a file, and show it when it is read."""
        self._do(lambda: self._open(name))

    # The panel.

    def _build(self) -> None:
        gui, session = self._server.gui, self._session
        gui.configure_theme(control_layout='fixed', control_width='medium', dark_mode=True, show_logo=False,
                            show_share_button=False)
        gui.set_panel_label('Labels')
        self._message = gui.add_markdown('')
        self._file = gui.add_dropdown('File', list(session.files), initial_value=next(iter(session.files)))
        self._file.on_update(self._in_order(lambda event: self._open(self._file.value)))
        with gui.add_folder('Suggested points'):
            self._where = gui.add_markdown('')
            self._command('Next', keys.NEXT, lambda client: self._move(client, 1))
            self._command('Previous', keys.PREVIOUS, lambda client: self._move(client, -1))
        with gui.add_folder('What is it?'):
            self._class_keys = keys.class_keys(len(session.classes))
            self._class_buttons = [self._command(name, key, partial(self._choose, text=name), colour)
                                   for name, key, colour in zip(session.classes, self._class_keys, self._palette)]
            self._command('Cannot tell', keys.CANNOT_TELL_KEY, lambda client: self._choose(client, CANNOT_TELL))
            self._command('Void: noise', keys.VOID_KEY, lambda client: self._choose(client, VOID))
            self._command('Take back', keys.REMOVE, lambda client: self._choose(client, None))
            self._command('Undo', keys.UNDO, lambda client: self._move_in_history(client, session.undo))
            self._command('Redo', keys.REDO, lambda client: self._move_in_history(client, session.redo))
            self._free = gui.add_checkbox(f'Free clicks ({keys.FREE})', False, hint='A click labels the point under it '
                                          'with the class chosen last; with Shift, a rectangle labels all it shows')
            self._free.on_update(self._in_order(lambda event: self._use_free_clicks(self._free.value)))
            self._hotkey('Free clicks', keys.FREE, lambda client: self._toggle_free_clicks())
        with gui.add_folder('How far the labels carry'):
            self._sure_text = gui.add_markdown('')
            self._sure = gui.add_progress_bar(0)
        with gui.add_folder('Network'):
            self._train = gui.add_button('Train on the clicks', color='gray')
            self._train.on_click(self._in_order(lambda event: self._start_training()))
            self._stop_training = gui.add_button('Stop the training', color='gray', visible=False)
            self._stop_training.on_click(self._in_order(lambda event: self._trainings.stop()))
            self._trained = gui.add_markdown('')
        with gui.add_folder('Look'):
            self._colour_by = gui.add_dropdown('Colour', [HEIGHT])
            self._colour_by.on_update(self._in_order(lambda event: self._colour()))
            self._size = gui.add_slider('Point size', 0.01, 1.0, 0.01, 0.1)
            self._size.on_update(self._in_order(lambda event: self._scene.resize(self._size.value)))
            self._legend = gui.add_html('')
        self._server.scene.on_click()(self._in_order(self._click))
        self._server.scene.on_rect_select(modifier='shift')(self._in_order(self._rectangle))

    def _command(self, name: str, key: Optional[str], action: Callable[[Optional[viser.ClientHandle]], None],
                 colour: Optional[List[int]] = None) -> viser.GuiButtonHandle:
        """A button and its key."""
        button = self._server.gui.add_button(f'{key}  {name}' if key else name,
                                             color=tuple(colour) if colour else 'gray')  # type: ignore[arg-type]
        button.on_click(self._in_order(lambda event: action(event.client)))
        self._hotkey(name, key, action)
        return button

    def _hotkey(self, name: str, key: Optional[str], action: Callable[[Optional[viser.ClientHandle]], None]) -> None:
        if key is not None:
            command = self._server.gui.add_command(name, hotkey=key)  # type: ignore[arg-type]
            command.on_trigger(self._in_order(lambda event: action(event.client)))

    def _in_order(self, action: Callable) -> Callable:
        async def callback(event: Any) -> None:  # in the one thread that receives events, so in their order
            if event.client is not None:  # a person, not this program
                self._do(lambda: action(event))

        return callback

    # What people do.

    def _open(self, name: str) -> None:
        if name == self._session.name:
            return
        self._say(f'Reading {name} ...')
        try:
            self._session.open(name)
        except DataError:
            if self._session.name:
                _set(self._file, self._session.name)
            raise
        shown = self._session.shown
        assert shown is not None  # it is open
        self._live = None
        _set(self._file, name)
        self._colour_by.options = view_names(self._session, shown)
        _set(self._colour_by, first_view(shown))
        colours, self._legend.content = view(self._session, shown, first_view(shown))
        self._scene.show(shown, colours)
        _set(self._size, min(max(round(self._scene.point_size, 2), 0.01), 1.0))
        part = '' if len(shown.index) == shown.total else f', of which {len(shown.index):,} are shown'
        self._say(f'{name}: {shown.total:,} points{part}.')
        self._show_labels()
        self._show_complaints()
        self._background.put(lambda: self._prepare(shown))
        self._predict()

    def _start_training(self) -> None:
        folder = self._trainings.start()
        self._say(f'A training has begun in {folder}. It goes on when this page is closed.')
        self._show_training()

    def _move(self, client: Optional[viser.ClientHandle], steps: int) -> None:
        self._session.move(steps)
        self._show_current(client)

    def _choose(self, client: Optional[viser.ClientHandle], text: Optional[str]) -> None:
        """A class is said of the suggested point, or is what the next free clicks say."""
        if self._free.value:
            self._brush = text
            self._use_free_clicks(True)
        elif text is None:
            if (point := self._session.queue.current) is not None:
                self._session.remove(point.index)
                self._after_change(client)
        else:
            self._session.answer(text)
            self._after_change(client)

    def _move_in_history(self, client: Optional[viser.ClientHandle], move: Callable[[], None]) -> None:
        move()
        self._after_change(client)

    def _toggle_free_clicks(self) -> None:
        _set(self._free, not self._free.value)
        self._use_free_clicks(self._free.value)

    def _use_free_clicks(self, on: bool) -> None:
        if on and self._brush is None:
            self._say('Free clicks: each takes back a label. Choose a class to give it.')
        elif on:
            self._say(f'Free clicks: each says "{self._brush or "cannot tell"}". With Shift, draw a rectangle.')
        else:
            self._say('Keys answer the suggested point.')

    def _click(self, event: viser.SceneClickEvent) -> None:
        if not self._free.value:
            return
        origin, direction = np.array(event.ray_origin), np.array(event.ray_direction)
        if self._brush is None:
            self._session.remove_at_ray(origin, direction)
        else:
            self._session.label_ray(origin, direction, self._brush)
        self._after_change(None)

    def _rectangle(self, event: viser.SceneRectSelectEvent) -> None:
        if not self._free.value or self._brush is None:
            return
        count = self._session.label_rectangle(camera_of(event.client), event.screen_min, event.screen_max, self._brush)
        self._say(f'{count:,} points are "{self._brush or "cannot tell"}" now.')
        self._after_change(None)

    # What is shown.

    def _after_change(self, client: Optional[viser.ClientHandle]) -> None:
        self._show_labels()
        self._show_current(client)

    def _show_current(self, client: Optional[viser.ClientHandle]) -> None:
        point, place, text = self._session.queue.current, self._session.queue, self._session.current_text()
        if point is None:
            return
        said = 'nothing said yet' if text is None else text or 'cannot tell'
        self._where.content = f'Point {place.place + 1} of {len(place.points)}: **{said}**'
        self._scene.mark(point.xyz)
        if client is not None:
            self._scene.fly_to(client, point.xyz)

    def _show_labels(self) -> None:
        labels = self._session.labels
        assert labels is not None  # a file is open
        self._scene.show_labels(labels)
        for button, name, key, count in zip(self._class_buttons, self._session.classes, self._class_keys,
                                            self._session.counts):
            button.label = f'{key or ""}  {name} ({count})'
        if self._colour_by.value == LABEL:
            self._colour()
        self._propagate()

    def _colour(self) -> None:
        shown = self._session.shown
        if shown is not None:
            colours, self._legend.content = view(self._session, shown, self._colour_by.value)
            self._scene.colour(colours)

    # What happens meanwhile.

    def _prepare(self, shown: ShownCloud) -> None:
        candidates = candidates_of(shown)
        self._do(lambda: self._use(shown, 'candidates', candidates))
        live = LivePropagation(shown)
        self._do(lambda: self._use(shown, 'live', live))

    def _use(self, shown: ShownCloud, what: str, value: object) -> None:
        if self._session.shown is not shown:  # another file was opened meanwhile
            return
        if what == 'candidates':
            self._session.candidates = value  # type: ignore[assignment]
        elif what == 'predictions':
            self._session.predictions = value  # type: ignore[assignment]
            chosen = self._colour_by.value
            self._colour_by.options = view_names(self._session, shown)
            _set(self._colour_by, chosen)
            self._colour()
            self._say('The network has labelled this file: colour it by prediction or entropy. Points are suggested '
                      'where it is unsure.')
        elif what == 'live':
            self._live = value  # type: ignore[assignment]
            self._propagate()

    def _predict(self) -> None:
        """Ask the network about the open file, if there is one."""
        session, shown, network = self._session, self._session.shown, self._network
        if network is None or shown is None:
            return

        def predict() -> None:
            if session.shown is not shown or self._network is not network:
                return
            predictions = network.predict(shown, session.description.columns)
            self._do(lambda: self._use(shown, 'predictions', predictions))

        self._predicting.put(predict)

    def _propagate(self) -> None:
        """Let the labels travel, in the background."""
        shown, live, labelled = self._session.shown, self._live, self._session.labelled_rows()
        if live is None:
            return

        def propagate() -> None:
            if self._background.empty():  # of several changes only the last one counts
                result = live.propagate(*labelled)
                self._do(lambda: self._show_propagated(shown, result))

        self._background.put(propagate)

    def _show_propagated(self, shown: Optional[ShownCloud], result: PropagatedLabels) -> None:
        if self._session.shown is not shown:
            return
        self._session.result = result
        share = share_sure(result)
        _set(self._sure, 100 * share)
        self._sure_text.content = f'{share:.1%} of the points have a label of 90% confidence and more.' + ''.join(
            f'\n\n{remark}' for remark in result.remarks)
        if self._colour_by.value in (PROPAGATED, CONFIDENCE):
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
            self._open(self._file.value)
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
        self._train.visible, self._stop_training.visible = not running, running
        if running:
            progress = trainings.progress()
            self._trained.content = 'The training begins.' if progress is None else str(progress)
        elif (failure := trainings.why_failed()) != self._failure:
            self._failure = failure
            if failure is not None:
                self._say(failure, wrong=True)
        checkpoint = trainings.checkpoint()
        if checkpoint is not None and checkpoint != self._checkpoint:
            self._checkpoint = checkpoint
            self._network = Network(str(trainings.config), str(checkpoint))
            self._predict()
        if not running:
            self._trained.content = '' if self._network is None else f'Trained: {self._network.checkpoint}'

    # How it is done.

    def _do(self, action: Callable[[], None]) -> None:
        self._actions.put(action)

    def _fault(self, error: Exception) -> None:
        if isinstance(error, (ConfigError, DataError, InferenceError)):
            self._say(str(error), wrong=True)
        elif isinstance(error, OSError):
            self._say(f'{error.filename or self._session.table.path} cannot be written: {error.strerror}. Nothing was '
                      'changed.', wrong=True)
        else:
            self._say(f'{type(error).__name__}: {error}. This is a fault of erda: please report it.', wrong=True)
            logging.getLogger(__name__).error(''.join(traceback.format_exception(error)))

    def _say(self, sentence: str, wrong: bool = False) -> None:
        self._message.content = f'**⚠ {sentence}**' if wrong else sentence
        if sentence != self._said:
            self._say_too(sentence)
        self._said = sentence


def _set(handle: Any, value: Any) -> None:
    handle.value = value  # mypy does not find the setter, which is not right behind its property


def _work(actions: queue.Queue, fault: Callable[[Exception], None]) -> None:
    while True:
        action = actions.get()
        try:
            action()
        except Exception as error:  # the page goes on, whatever went wrong
            fault(error)


