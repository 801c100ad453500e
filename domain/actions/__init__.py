"""What can be done, one verb a file. Doors and workers call these and nothing below them."""
