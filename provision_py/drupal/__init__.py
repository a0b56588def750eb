"""What differs per Drupal version: detection, packages, settings, and the PHP bridge."""
