class DataError(ValueError):
    """Data that cannot be used: the message says what is wrong, in which file, and what to do."""

    @property
    def plain_message(self) -> str:
        """The message alone: one from a worker process of a data loader has a traceback in front of it."""
        return str(self).rsplit(f'{type(self).__module__}.{type(self).__qualname__}: ', 1)[-1].rstrip()
