class TrainingError(RuntimeError):
    """A training that cannot go on: the message says why, in which file, and what to do."""
