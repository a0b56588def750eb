"""One module per command, each a readable list of steps."""
