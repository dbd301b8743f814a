"""Command-line tools: shared arguments, start-up and subcommands."""
