"""What is reported: label counts, tables and pictures."""
