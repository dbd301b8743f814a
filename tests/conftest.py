"""What all tests share: one thread a process, and no plots on a screen."""

import os

# Before torch, OpenMP or matplotlib are imported by anything.
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MPLBACKEND', 'Agg')
