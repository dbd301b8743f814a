"""Faults that a training has to survive, and a harness that injects them."""
