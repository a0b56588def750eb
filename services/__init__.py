"""Services: what a server can do for platforms and sites."""
