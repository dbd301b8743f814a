"""Sums of archives."""

import hashlib

import pytest

from mixmae.data_tools.verification.archives import (
    file_digest,
    verify_archives,
)
from mixmae.data_tools.verification.findings import Findings
from mixmae.data_tools.verification.known_sets import (
    KNOWN_SETS,
    Archive,
    KnownSet,
)

DATA = b'an archive'
KNOWN = KnownSet(
    'Some set',
    'https://example.org',
    1,
    {'train': 1},
    archives=(
        Archive('a.tar', 'md5', hashlib.md5(DATA).hexdigest()),
        Archive('b.zip', 'sha1', hashlib.sha1(DATA).hexdigest()),
        Archive('absent.zip', 'sha1', '0' * 40),
    ),
)


def test_whole_and_damaged(tmp_path):
    (tmp_path / 'a.tar').write_bytes(DATA)
    (tmp_path / 'b.zip').write_bytes(DATA + b'x')
    findings = Findings()
    verify_archives(tmp_path, KNOWN, findings)
    assert findings.facts == [f'{tmp_path}/a.tar: md5 is as published']
    assert len(findings.problems) == 1
    assert f'{tmp_path}/b.zip: sha1 is' in findings.problems[0]
    assert 'https://example.org' in findings.problems[0]


def test_files_larger_than_a_block(tmp_path, monkeypatch):
    monkeypatch.setattr('mixmae.data_tools.verification.archives.BLOCK', 3)
    (tmp_path / 'a').write_bytes(DATA)
    expected = hashlib.md5(DATA).hexdigest()
    assert file_digest(tmp_path / 'a', 'md5') == expected


def test_nothing_to_compare(tmp_path):
    with pytest.raises(ValueError, match='none of the archives'):
        verify_archives(tmp_path, KNOWN, Findings())
    with pytest.raises(ValueError, match='no such folder'):
        verify_archives(tmp_path / 'gone', KNOWN, Findings())
    with pytest.raises(ValueError, match='no sums'):
        verify_archives(tmp_path, KNOWN_SETS['places205'], Findings())


@pytest.mark.parametrize('known', KNOWN_SETS.values(), ids=list(KNOWN_SETS))
def test_published_figures_agree_with_themselves(known):
    lengths = {'md5': 32, 'sha1': 40}
    for archive in known.archives:
        assert len(archive.digest) == lengths[archive.algorithm]
        int(archive.digest, 16)
    for split, count in known.per_class.items():
        assert known.images[split] == count * known.classes
