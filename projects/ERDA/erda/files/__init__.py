"""Whole files, errors about data, scans that cannot be read: imports nothing of ours."""
