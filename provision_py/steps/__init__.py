"""Reversible steps, run in order, undone in reverse; and the journal that makes a kill survivable."""
