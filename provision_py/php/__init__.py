"""PHP's data on disk: literals, serialised values, alias and drushrc files."""
