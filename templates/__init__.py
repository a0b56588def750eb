"""Jinja2 templates, in the same tree as the files they produce."""
