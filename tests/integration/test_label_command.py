"""tools/label.py as a person uses it, in a browser without a window."""
import csv
import os
import re
import shutil
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from integration.command import run, start

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
def serving(folder, outputs):
    """The process of a server and its address."""
    outputs.mkdir()
    process = start('tools/label.py', folder, '--no-browser', '--port', 0, outputs=outputs)
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
def page_at(browser, address):
    page = browser.new_page(viewport=dict(width=800, height=700))
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(address)
    page.get_by_text('a.npy: 4,000 points.').wait_for()
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
