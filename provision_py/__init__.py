"""provision-py: the backend of an Aegir hosting system."""

__version__ = "0.1.0"
