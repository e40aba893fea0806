class CheckpointError(ValueError):
    """A checkpoint, or its entry in the metafile, that cannot be had or used; the message is for a person."""
