"""Contexts: what a server, a platform and a site are."""
