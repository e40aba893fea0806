"""The page in the browser: click, look, correct. It needs ``requirements/label.txt``."""
