"""Print the installed packages and their problems.

Exit status 1 if pretraining would not run, 0 otherwise.
"""

import shlex
import sys

from mixmae.doctor.checks import ERROR, UNTESTED, diagnose
from mixmae.doctor.environment import describe, gather
from mixmae.doctor.remedies import PIP
from mixmae.version import __version__


def main() -> int:
    """Collect facts, diagnose, print; return the exit status."""
    print(f'mixmae {__version__}: importing all packages once ...')
    facts = gather()
    for name, state in describe(facts):
        print(f'  {name:<12} {state}')
    found = diagnose(facts)
    for diagnosis in found:
        print(f'\n{diagnosis.severity}: {diagnosis.cause}  [{diagnosis.name}]')
        if diagnosis.command:
            # For this interpreter, independent of `python` in the shell.
            pip = f'{shlex.quote(sys.executable)} -m pip'
            print(f'    {diagnosis.command.replace(PIP, pip)}')
    if any(diagnosis.severity == ERROR for diagnosis in found):
        print('\nPretraining would not run.')
        return 1
    if all(diagnosis.severity == UNTESTED for diagnosis in found):
        print('\nAll of it works.')
    else:
        print('\nPretraining runs.')
    return 0


if __name__ == '__main__':
    sys.exit(main())
