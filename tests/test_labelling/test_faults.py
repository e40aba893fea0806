from pathlib import Path

from erda.config import ConfigError
from erda.labelling.faults import fault_sentence

TABLE = Path('clicks/round_page.csv')


def test_sentences(caplog):
    assert fault_sentence(ConfigError('No config.'), TABLE) == 'No config.'
    full = OSError(28, 'No space left on device')
    assert fault_sentence(full, TABLE) == f'{TABLE} cannot be written: No space left on device. Nothing was changed.'
    assert not caplog.records
    try:
        {}['a']
    except KeyError as error:
        assert fault_sentence(error, TABLE) == "KeyError: 'a'. This is a fault of erda: please report it."
    assert 'Traceback' in caplog.text and "{}['a']" in caplog.text
