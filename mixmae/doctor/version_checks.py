"""Check of versions against the tested ones."""

from mixmae.doctor.diagnosis import ERROR, UNTESTED, Diagnosis
from mixmae.doctor.facts import Facts
from mixmae.doctor.remedies import PIP
from mixmae.doctor.tested import PYTHONS, TESTED


def python_version(facts: Facts) -> Diagnosis | None:
    """Check for a Python outside the tested range."""
    lowest, highest = PYTHONS
    if lowest <= facts.python <= highest:
        return None
    severity = ERROR if facts.python < lowest else UNTESTED
    version = '.'.join(map(str, facts.python))
    cause = f'Python {version}; tested are 3.10 to 3.12'
    return Diagnosis(
        'python', severity, cause, 'python3.11 -m venv .venv  # make anew'
    )


def untested_versions(facts: Facts) -> Diagnosis | None:
    """Check for versions other than the tested ones."""
    other = []
    for name, versions in TESTED.items():
        found = facts.installed.get(name)
        if found is not None and found.split('+')[0] not in versions:
            other.append(f'{name} {found} (tested: {", ".join(versions)})')
    if not other:
        return None
    cause = f'outside the tested set, may work: {"; ".join(other)}'
    mend = f'{PIP} install -c requirements/constraints.txt <the package>'
    return Diagnosis('untested versions', UNTESTED, cause, mend)
