"""The command line, in drush's syntax."""
