"""Subcommands of ``mixmae``, a module each; ``tools/`` runs the same code."""
