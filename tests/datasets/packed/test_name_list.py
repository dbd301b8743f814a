"""Names stored in two arrays."""

import pytest

from mixmae.datasets.packed.name_list import NameList

NAMES = [b'a/1.jpg', b'', 'größe.png'.encode(), b'\xff.jpg', b'z']


def test_round_trip():
    names = NameList.of(NAMES)
    assert len(names) == 5 and list(names) == NAMES
    assert names[-1] == b'z' and names.text(2) == 'größe.png'
    assert names.text(3).encode('utf-8', 'surrogateescape') == b'\xff.jpg'
    with pytest.raises(IndexError):
        names[5]
    both = NameList.joined([names, NameList.of([]), NameList.of([b'q'])])
    assert list(both) == [*NAMES, b'q']


@pytest.mark.parametrize('place', [0, 1, 2])
@pytest.mark.parametrize(
    'name',
    [b'/etc/x.jpg', b'../x.jpg', b'a/../../x', b'..', b'a\\..\\x', b'C:/x',
     b'a\0b', b'', b'C:'],
)  # fmt: skip
def test_names_outside_of_the_folder_are_found(place, name):
    names = [b'a..b.jpg', b'...', b'c']
    assert NameList.of(names).fault() is None
    names[place] = name
    assert NameList.of(names).fault() is not None


def test_an_empty_list_is_valid():
    assert NameList.of([]).fault() is None
