import pytest

from mixmae.checkpoints.whole_file import whole_file


def test_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'deep' / 'file.pth'
    with whole_file(path) as partial:
        partial.write_text('one')
        assert not path.exists()
    assert path.read_text() == 'one'
    with pytest.raises(KeyboardInterrupt), whole_file(path) as partial:
        partial.write_text('tw')
        raise KeyboardInterrupt
    assert path.read_text() == 'one'
    assert list(path.parent.iterdir()) == [path]
