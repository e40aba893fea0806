"""The panel beside the cloud: buttons with their keys, and what is said about the open file."""
from functools import partial
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import viser

from ..clouds.click_files import VOID
from ..weak_labels.label_propagation import PropagatedLabels
from . import keys
from .action_queue import Action
from .click_table import CANNOT_TELL
from .live_propagation import share_sure
from .suggestions import Queue
from .training_process import TrainingProgress
from .views import HEIGHT

Client = Optional[viser.ClientHandle]  # the page on which something is asked for
BEGIN = f'**{keys.NEXT}** goes to the first one, the key of a class answers.'
FREE_HINT = ('A click labels the point under it with the class chosen last; with Shift, a rectangle labels all that it '
             'shows')
STOP_HINT = 'What it has learned since its last checkpoint is lost. The clicks stay.'
TRAIN_EARLY = 'Train once about 100 points of each file are said. What the network then asks for helps most.'
TRAIN_HINT = 'On what was said of all files. Then points are suggested where the network is unsure'


class Commands(NamedTuple):
    """What the panel can ask for."""
    open: Callable[[str], None]
    move: Callable[[int, Client], None]
    choose: Callable[[Optional[str], Client], None]
    undo: Callable[[Client], None]
    redo: Callable[[Client], None]
    use_free_clicks: Callable[[], None]
    train: Action
    stop_training: Action
    colour: Action
    show_spread: Action
    resize: Callable[[float], None]


class Panel:
    """The same panel in all pages of a server.

    Args:
        server: of the pages.
        files: their names.
        classes: K names.
        palette: their colours, red, green, blue in 0 to 255.
        commands: called by ``do``.
        do: does one thing after the other.
    """

    def __init__(self, server: viser.ViserServer, files: Sequence[str], classes: Sequence[str],
                 palette: Sequence[Sequence[int]], commands: Commands, do: Callable[[Action], None]) -> None:
        self._gui, self._do, self._classes = server.gui, do, classes
        gui = self._gui
        gui.configure_theme(control_width='medium', dark_mode=True, show_logo=False, show_share_button=False)
        gui.main_panel.dock_right()
        gui.set_panel_label('Labels')
        self._message = gui.add_markdown('')
        self._file = gui.add_dropdown('File', list(files), initial_value=files[0])
        self._on_change(self._file, lambda event: commands.open(self.file))
        with gui.add_folder('Suggested points'):
            self._where = gui.add_markdown(BEGIN)
            self._row('Go to', {'Next': (keys.NEXT, partial(commands.move, 1)),
                                'Previous': (keys.PREVIOUS, partial(commands.move, -1))})
        with gui.add_folder('What is it?'):
            self._class_keys = keys.class_keys(len(classes))
            self._class_buttons = [self._class_button(name, key, colour, partial(commands.choose, name))
                                   for name, key, colour in zip(classes, self._class_keys, palette)]
            self._row('No class', {'Cannot tell': (keys.CANNOT_TELL_KEY, partial(commands.choose, CANNOT_TELL)),
                                   'Noise': (keys.VOID_KEY, partial(commands.choose, VOID))})
            self._row('Correct', {'Undo': (keys.UNDO, commands.undo), 'Redo': (keys.REDO, commands.redo),
                                  'Take back': (keys.REMOVE, partial(commands.choose, None))})
            self._free = gui.add_checkbox(f'{keys.FREE}  Free clicks', False, hint=FREE_HINT)
            self._on_change(self._free, lambda event: commands.use_free_clicks())
            self._hotkey('Free clicks', keys.FREE, lambda client: self._toggle_free(commands))
        with gui.add_folder('How far the labels carry'):
            self._sure_text = gui.add_markdown('')
            self._sure = gui.add_progress_bar(0)
        with gui.add_folder('Look'):
            self._colour_by = gui.add_dropdown('Colour', [HEIGHT])
            self._on_change(self._colour_by, lambda event: commands.colour())
            self._row('Labels', {'Spread, on or off': (keys.SPREAD, lambda client: commands.show_spread())})
            self._size = gui.add_slider('Point size', 0.01, 1.0, 0.01, 0.1)
            self._on_change(self._size, lambda event: commands.resize(self._size.value))
            self._legend = gui.add_html('')
        with gui.add_folder('Network'):
            self._train = gui.add_button('Train on the clicks', color='gray', hint=TRAIN_HINT)
            self._train.on_click(self._in_order(lambda event: commands.train()))
            self._stop = gui.add_button('Stop the training', color='gray', visible=False)
            self._stop.on_click(self._in_order(lambda event: self._ask_to_stop(event.client, commands)))
            self._trained = gui.add_markdown('')
            self._progress = gui.add_progress_bar(0, visible=False)

    @property
    def file(self) -> str:
        """Name of the file that is chosen."""
        return self._file.value

    @property
    def view(self) -> str:
        """What the cloud is coloured by."""
        return self._colour_by.value

    @view.setter
    def view(self, name: str) -> None:
        _set(self._colour_by, name)

    @property
    def has_free_clicks(self) -> bool:
        """Whether a click in the cloud labels a point."""
        return self._free.value

    def say(self, sentence: str, wrong: bool) -> None:
        """Show a sentence above all others."""
        self._message.content = f'**⚠ {sentence}**' if wrong else sentence

    def show_file(self, name: str) -> None:
        """Say which file is open."""
        _set(self._file, name)

    def show_views(self, names: Sequence[str], chosen: str) -> None:
        """Offer these ways to colour the cloud."""
        self._colour_by.options = list(names)
        self.view = chosen

    def show_legend(self, legend: str) -> None:
        """Say in HTML what the colours mean."""
        self._legend.content = legend

    def show_size(self, metres: float) -> None:
        """Say how large points are drawn."""
        _set(self._size, min(max(round(metres, 2), 0.01), 1.0))

    def show_point(self, points: Queue, text: Optional[str]) -> None:
        """Say which suggested point is looked at and what was said of it, ``None`` for nothing."""
        if points.current is None:
            self._where.content = BEGIN
            return
        said = 'nothing said yet' if text is None else text or 'cannot tell'
        self._where.content = f'Point {points.place + 1} of {len(points.points)}: **{said}**'

    def show_counts(self, counts: np.ndarray) -> None:
        """Write the number of labels ``[K]`` on the button of each class."""
        for button, name, key, count in zip(self._class_buttons, self._classes, self._class_keys, counts):
            button.label = f'{key or ""}  {name} ({count})'

    def show_spread(self, result: PropagatedLabels) -> None:
        """Say how far the labels carry."""
        share = share_sure(result)
        _set(self._sure, 100 * share)
        self._sure_text.content = f'{share:.1%} of the points have a label of 90% confidence and more.' + ''.join(
            f'\n\n{remark}' for remark in result.remarks)

    def show_training(self, progress: Optional[TrainingProgress]) -> None:
        """Say how far the training is that is running."""
        self._offer_training(False)
        self._trained.content = 'The training begins.' if progress is None else str(progress)
        _set(self._progress, 0 if progress is None else 100 * progress.step / progress.steps)

    def show_no_training(self, said: str) -> None:
        """Say something about the network; none is trained now."""
        self._offer_training(True)
        self._trained.content = said

    def _offer_training(self, offer: bool) -> None:
        self._train.visible, self._stop.visible, self._progress.visible = offer, not offer, not offer

    def _ask_to_stop(self, client: viser.ClientHandle, commands: Commands) -> None:
        """On the page that wants it alone: a slip must not cost a training."""
        with client.gui.add_modal('Stop the training?') as question:
            client.gui.add_markdown(STOP_HINT)
            stop, stay = client.gui.add_button('Stop it', color='red'), client.gui.add_button('Let it go on')

        def stop_it() -> None:
            question.close()
            commands.stop_training()

        stop.on_click(self._in_order(lambda event: stop_it()))
        stay.on_click(self._in_order(lambda event: question.close()))

    def _toggle_free(self, commands: Commands) -> None:
        _set(self._free, not self._free.value)
        commands.use_free_clicks()

    def _class_button(self, name: str, key: Optional[str], colour: Sequence[int],
                      action: Callable[[Client], None]) -> viser.GuiButtonHandle:
        button = self._gui.add_button(name, color=tuple(colour))  # type: ignore[arg-type]
        button.on_click(self._in_order(lambda event: action(event.client)))
        self._hotkey(name, key, action)
        return button

    def _row(self, label: str, buttons: Mapping[str, Tuple[str, Callable[[Client], None]]]) -> None:
        """Buttons beside each other, each with a key."""
        actions = {f'{key}  {name}': action for name, (key, action) in buttons.items()}
        group = self._gui.add_button_group(label, list(actions))
        group.on_click(self._in_order(lambda event: actions[event.target.value](event.client)))
        for name, (key, action) in buttons.items():
            self._hotkey(name, key, action)

    def _hotkey(self, name: str, key: Optional[str], action: Callable[[Client], None]) -> None:
        if key is not None:
            command = self._gui.add_command(name, hotkey=key)  # type: ignore[arg-type]
            command.on_trigger(self._in_order(lambda event: action(event.client)))

    def _on_change(self, handle: Any, action: Callable[[Any], None]) -> None:
        handle.on_update(self._in_order(action))

    def _in_order(self, action: Callable[[Any], None]) -> Callable:
        return in_order(self._do, action)


def in_order(do: Callable[[Action], None], action: Callable[[Any], None]) -> Callable:
    """A callback for events of viser that people cause, in their order.

    Args:
        do: does one thing after the other.
        action: called with the event.
    """
    async def callback(event: Any) -> None:  # in the one thread that receives events, so in their order
        if event.client is not None:  # a person, not this program
            do(lambda: action(event))

    return callback


def _set(handle: Any, value: Any) -> None:
    handle.value = value  # mypy does not find the setter, which is not right behind its property
