"""Subcommands of ``mixmae``, one module each; ``tools/`` runs them too."""
