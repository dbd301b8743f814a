"""Files: atomic writes, safe paths, listings; imports no other folder."""
