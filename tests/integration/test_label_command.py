"""tools/label.py as a person uses it, in a browser without a window."""
import csv
import fcntl
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from integration.command import run, start
from mmdet3d.registry import MODELS

from erda.config import load_config
from erda.labelling.live_propagation import LivePropagation
from erda.labelling.network import Network
from erda.labelling.shown_cloud import read_shown
from erda.labelling.undescribed_folder import describe_folder

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
PATIENCE = 300  # seconds, for what takes a moment on a machine that does nothing else
DESCRIPTION = '{classes: {ground: [], roof: []}, clicks: clicks, splits: {train: a.npy}}'


def wait_for(what, seconds=PATIENCE):
    """What a function returns when it is true."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, f'not in {seconds} s'
        time.sleep(0.05)
    return value


@pytest.fixture
def house(tmp_path):
    """A folder with a flat piece of land and a roof above it."""
    rng = np.random.default_rng(0)
    ground, roof = rng.uniform([0, 0, 0], [20, 20, 0.05], (3000, 3)), rng.uniform([6, 6, 5], [14, 14, 5.05], (1000, 3))
    folder = tmp_path / 'clouds'
    folder.mkdir()
    np.save(folder / 'a.npy', np.concatenate([ground, roof]) + [652000, 6862000, 30])
    (folder / 'erda.yaml').write_text(DESCRIPTION)
    return folder


@pytest.fixture(scope='module')
def browser():
    if CHROMIUM is None:
        pytest.skip('no Chromium: nothing of the page is tested in a browser. apt-get install chromium')
    playwright = pytest.importorskip('playwright.sync_api', reason='no playwright: nothing of the page is tested in a '
                                     'browser. pip install -r requirements/tests.txt')
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=[
            '--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'], timeout=1000 * PATIENCE)
        yield browser
        browser.close()


@contextmanager
def serving(folder, outputs, *arguments):
    """The process of a server and its address."""
    outputs.mkdir()
    process = start('tools/label.py', folder, '--no-browser', '--port', 0, *arguments, outputs=outputs)
    try:
        yield process, wait_for(lambda: re.search(r'http://\S+', (outputs / 'stdout').read_text()
                                                  if (outputs / 'stdout').exists() else '')).group()
    finally:
        process.kill()
        process.join()


def labels_in(folder):
    table = Path(folder, 'clicks/round_page.csv')
    return [(int(row['index']), row['class']) for row in csv.DictReader(table.open())] if table.exists() else []


@contextmanager
def page_at(browser, address, text='a.npy: 4,000 points.'):
    page = browser.new_page(viewport=dict(width=800, height=700))
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(address)
    page.get_by_text(text).wait_for()
    yield page
    page.close()


def test_labels_are_kept_whatever_happens(house, tmp_path, browser):
    with serving(house, tmp_path / 'first') as (process, address), page_at(browser, address) as page, \
            page_at(browser, address) as other:
        page.bring_to_front()
        page.keyboard.press('n')
        page.get_by_text('Point 1 of 20').wait_for()
        page.keyboard.press('2')
        page.get_by_text('Point 2 of 20').wait_for()
        (first, name), = labels_in(house)
        assert name == 'roof'
        other.get_by_text('2 roof (1)').wait_for()

        page.keyboard.press('f')
        page.keyboard.press('1')
        page.get_by_text('each says "ground"').wait_for()
        time.sleep(1)  # the camera has arrived
        canvas = page.locator('canvas').first.bounding_box()
        page.mouse.click(canvas['x'] + canvas['width'] / 2, canvas['y'] + canvas['height'] / 2)
        page.get_by_text('1 ground (1)').wait_for()
        assert [name for _, name in labels_in(house)] == ['roof', 'ground']
        second = labels_in(house)[1][0]
        points = np.load(house / 'a.npy')
        assert second != first and np.linalg.norm(points[second] - points[first]) > 1

        page.keyboard.press('u')
        page.get_by_text('1 ground (0)').wait_for()
        assert labels_in(house) == [(first, 'roof')]
        page.keyboard.press('r')
        page.get_by_text('1 ground (1)').wait_for()
        os.kill(process.pid, signal.SIGKILL)
    kept = labels_in(house)
    assert kept == [(first, 'roof'), (second, 'ground')]
    with serving(house, tmp_path / 'second') as (_, address), page_at(browser, address) as page:
        page.get_by_text('1 ground (1)').wait_for()
        page.get_by_text('2 roof (1)').wait_for()
        (house / 'clicks/round_page.csv').write_text('file,index,class\na.npy,7,ground\na.npy,8,grond\n')
        page.get_by_text("unknown class 'grond'").wait_for()  # by hand, and wrong
        page.keyboard.press('n')
        page.get_by_text('Point 1 of 20').wait_for()
        page.keyboard.press('2')
        page.get_by_text("line 3: unknown class 'grond'").wait_for()
        (house / 'clicks/round_page.csv').write_text('file,index,class\na.npy,7,ground\na.npy,8,ground\n')
        page.get_by_text('1 ground (2)').wait_for()
        page.keyboard.press('2')
        page.get_by_text('2 roof (1)').wait_for()
        assert labels_in(house)[:2] == [(7, 'ground'), (8, 'ground')] and len(labels_in(house)) == 3


def test_what_cannot_be_opened_is_a_sentence(house, tmp_path):
    done = run('tools/label.py', tmp_path)
    assert done.returncode == 2 and 'prepare_data.py folder' in done.stderr and 'Traceback' not in done.stderr
    (house / 'a.npy').write_bytes(b'broken')
    with serving(house, tmp_path / 'out'):
        wait_for(lambda: 'a.npy: it cannot be read' in (tmp_path / 'out/stdout').read_text())


def test_a_rectangle_labels_what_is_seen_in_it(house, tmp_path, browser):
    """Of a roof and the land behind it only the roof."""
    with serving(house, tmp_path / 'out') as (_, address), page_at(browser, address) as page:
        page.keyboard.press('f')
        page.get_by_text('Choose a class').wait_for()
        page.keyboard.press('2')
        page.get_by_text('each says "roof"').wait_for()
        canvas = page.locator('canvas').first.bounding_box()
        x, y = canvas['x'] + canvas['width'] / 2, canvas['y'] + canvas['height'] / 2
        page.mouse.move(x - 60, y - 60)
        page.keyboard.down('Shift')
        page.mouse.down()
        page.mouse.move(x, y)
        page.mouse.move(x + 60, y + 60)
        page.mouse.up()
        page.keyboard.up('Shift')
        page.get_by_text('points are "roof" now').wait_for()
        found = {index for index, name in labels_in(house) if name == 'roof'}
    points = np.load(house / 'a.npy') - [652000, 6862000, 30]
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    eye = middle + np.linalg.norm(high - low) * np.array([0, -0.6, 0.6])  # where a file is looked at from at first
    toward = (points - eye) / np.linalg.norm(points - eye, axis=1, keepdims=True)
    angle = np.degrees(np.arccos(toward @ (middle - eye) / np.linalg.norm(middle - eye)))
    inside = angle < 5  # degrees, with more than that to spare
    at_roof = eye + (points - eye) * ((5 - eye[2]) / (points - eye)[:, 2:])
    hidden = (points[:, 2] < 1) & (np.abs(at_roof[:, :2] - 10) < 3.6).all(axis=1)  # the roof ends at 4
    assert (hidden & inside).sum() > 20 and not set(np.flatnonzero(hidden)) & found
    assert found >= set(np.flatnonzero(inside & (points[:, 2] > 1)))


def test_a_network_colours_the_points_and_says_where_to_look(house, tmp_path, browser):
    (house / 'erda.yaml').unlink()
    describe_folder(house, lambda question: 'ground, roof')
    config, checkpoint = house / 'minkunet_erda.py', tmp_path / 'random.pth'
    torch.manual_seed(0)
    model = MODELS.build(load_config(str(config)).model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    with serving(house, tmp_path / 'out', '--config', config, '--checkpoint', checkpoint) as (_, address), \
            page_at(browser, address, 'The network has labelled this file') as page:
        colour = page.get_by_role('combobox').nth(1)  # below that of the files
        colour.click()
        page.get_by_role('option', name='entropy').click()
        page.get_by_text('0.693147 nats').wait_for()  # of two classes
        colour.click()
        page.get_by_role('option', name='prediction').click()
        predicted = Network(str(config), str(checkpoint)).predict(read_shown(house / 'a.npy'))
        for label in (0, 1):
            page.get_by_text(f'{(predicted.label == label).sum():,}', exact=True).wait_for()
        page.keyboard.press('n')
        for number in (1, 2, 3):
            page.get_by_text(f'Point {number} of 20').wait_for()
            page.keyboard.press('c')
        page.get_by_text('Point 4 of 20').wait_for()
        rows = np.arange(0, 4000, 100)  # the last quarter is the roof
        clicks = ''.join(f'a.npy,{row},{"ground" if row < 3000 else "roof"}\n' for row in rows)
        (house / 'clicks/round_2.csv').write_text(f'file,index,class\n{clicks}')
        along = LivePropagation(read_shown(house / 'a.npy')).propagate(rows, (rows >= 3000).astype(np.int64))
        counts = np.bincount(predicted.with_clicks(along, 0.5).label)
        assert (counts != np.bincount(predicted.label)).all()
        for count in counts:
            page.get_by_text(f'{count:,}', exact=True).wait_for()
    asked = predicted.entropy[[index for index, _ in labels_in(house)]]
    assert len(asked) == 3 and (asked > np.quantile(predicted.entropy, 0.7)).all()


@pytest.fixture
def training(tmp_path):
    """A process that holds the log of a training, as long as it lives."""
    folder = tmp_path / 'work/training_1'
    folder.mkdir(parents=True)
    with (folder / 'label.log').open('wb') as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        process = subprocess.Popen(['sleep', '600'], stdout=log, start_new_session=True)
    (folder / 'label.pid').write_text(str(process.pid))
    yield process
    process.kill()
    process.wait()


def test_a_training_is_stopped_when_asked_twice(house, tmp_path, browser, training):
    with serving(house, tmp_path / 'out', '--work-dir', tmp_path / 'work') as (_, address), \
            page_at(browser, address) as page:
        page.get_by_role('button', name='Stop the training').click()
        page.get_by_role('button', name='Let it go on').click()
        page.get_by_text('Stop the training?').wait_for(state='hidden')
        assert training.poll() is None
        page.get_by_role('button', name='Stop the training').click()
        page.get_by_role('button', name='Stop it').click()
        assert training.wait(PATIENCE) == -signal.SIGTERM
        page.get_by_role('button', name='Train on the clicks').wait_for()
        page.get_by_text('Train once about 100 points of each file are said').wait_for()


@pytest.mark.parametrize('answer, goes_on', [('g', True), ('s', False)])
def test_ctrl_c_asks_while_a_training_runs(house, tmp_path, training, answer, goes_on):
    terminal, name = pty.openpty()
    process = start('tools/label.py', house, '--no-browser', '--port', 0, '--work-dir', tmp_path / 'work',
                    outputs=tmp_path, terminal=os.ttyname(name))
    said = b''

    def says(text):
        nonlocal said
        while text not in said:
            said += os.read(terminal, 1000)
        said = said.partition(text)[2]

    try:
        says(b'4,000 points.')
        os.write(terminal, b'\x03')
        says(b'or stay (Enter)? ')
        os.write(terminal, b'\n')
        time.sleep(0.5)
        assert process.is_alive()
        os.write(terminal, b'\x03')
        says(b'or stay (Enter)? ')
        os.write(terminal, answer.encode() + b'\n')
        process.join(PATIENCE)
        assert process.exitcode == 0
    finally:
        process.kill()
    if goes_on:
        says(b'It goes on in ')
        assert training.poll() is None
    else:
        assert training.wait(PATIENCE) == -signal.SIGTERM


def test_ctrl_c_ends_at_once_without_a_training(house, tmp_path):
    with serving(house, tmp_path / 'out') as (process, _):
        assert 'Warning' not in (tmp_path / 'out/stderr').read_text()
        os.kill(process.pid, signal.SIGINT)
        process.join(PATIENCE)
        assert process.exitcode == 0 and 'Traceback' not in (tmp_path / 'out/stderr').read_text()


def test_other_machines_are_served_with_a_warning(house, tmp_path):
    with serving(house, tmp_path / 'out', '--host', '0.0.0.0') as (_, address):
        assert 'Warning: whoever reaches this machine' in (tmp_path / 'out/stderr').read_text()
        host, port = re.fullmatch(r'http://([^/:]+):(\d+)/.*', address).groups()
        assert host == '127.0.0.1'  # 0.0.0.0 is no address that one could open
        socket.create_connection(('127.0.0.2', int(port))).close()
