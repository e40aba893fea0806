"""Published models: a list of them, downloads that can be trusted, and checkpoints that run no code."""
