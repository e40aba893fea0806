"""Checkpoints: safe files, downloads, publication."""
