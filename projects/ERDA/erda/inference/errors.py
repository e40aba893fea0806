class InferenceError(ValueError):
    """A file, config or checkpoint that cannot be used as asked; the message is for a person."""
