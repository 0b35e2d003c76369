import pytest

from neucam_nerfstudio.rendering.file_writing import written_whole


def test_a_failure_while_writing_leaves_the_old_file(tmp_path):
    target = tmp_path / "folder" / "result.txt"
    with written_whole(target) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), written_whole(target) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(target.parent.iterdir()) == [target]
