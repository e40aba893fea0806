"""Trained networks on files of any format and size: labels for every point, and points to label next."""
