"""Files of any size: labels from a network or from clicks alone, and points to label next."""
