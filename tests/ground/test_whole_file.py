import pytest

from dcase_denoise_plugin.files import written_whole


def test_a_file_is_there_with_its_folder_when_all_of_it_is_written_and_not_before(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with written_whole(path) as aside:
        aside.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [OSError, KeyboardInterrupt])
def test_what_was_there_stays_and_nothing_is_left_beside_it_when_the_writing_fails(
    tmp_path, interruption
):
    path = tmp_path / "table.csv"
    path.write_text("of before")
    with pytest.raises(interruption), written_whole(path) as aside:
        aside.write_text("half of")
        raise interruption
    assert path.read_text() == "of before" and list(tmp_path.iterdir()) == [path]
