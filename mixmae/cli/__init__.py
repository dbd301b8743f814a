"""Arguments and start-up that the tools share."""
