"""Platforms to test and to show with: small PHP programs that behave like Drupal where a hosting system looks.

They are no Drupal. They have the files that discovery reads, a database schema with the tables that matter, an
installer, one-time logins, caches, cron keys and a front page, in the shapes of Drupal 7 and of Drupal 8 to 11.
"""

from provision_py.sandbox.platforms.make import (
    VERSIONS,
    Platform,
    add_module,
    add_profile,
    fail_install,
    make_platform,
)

__all__ = ["VERSIONS", "Platform", "add_module", "add_profile", "fail_install", "make_platform"]
