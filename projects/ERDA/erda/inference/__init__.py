"""Trained networks on files of any size."""
