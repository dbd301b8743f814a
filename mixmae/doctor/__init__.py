"""``python -m mixmae.doctor``: installed packages, problems and fixes.

It needs the standard library only, since it must run when other packages do
not.
"""
