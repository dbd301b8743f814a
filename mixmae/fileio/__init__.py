"""Safe names, regular files and small caches; imports no other room."""
