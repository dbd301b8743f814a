"""Process groups, barriers and the watchdog."""
