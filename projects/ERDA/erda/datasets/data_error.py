class DataError(ValueError):
    """Data that cannot be used: the message says what is wrong, in which file, and what to do."""
