"""A private hosting system on this machine, for the demo and the tests."""
