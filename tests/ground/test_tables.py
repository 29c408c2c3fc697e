import codecs

import pytest

from dcase_denoise_plugin.files import read_table, read_text

COMMAS = "clip,score\na.wav,0.71\nb.wav,7.1e-05\n"
SEMICOLONS = "clip;score\na.wav;0,71\nb.wav;7,1e-05\n"
ROWS = [["clip", "score"], ["a.wav", "0.71"], ["b.wav", "7.1e-05"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [COMMAS, COMMAS.replace("\n", "\r\n"), SEMICOLONS, SEMICOLONS.replace(";", "\t")],
    ids=["commas", "Windows", "semicolons", "tabs"],
)
def test_a_table_is_read_however_a_spreadsheet_saves_it(tmp_path, text, encoding):
    (tmp_path / "a.csv").write_text(text, encoding=encoding, newline="")
    assert read_table(tmp_path / "a.csv") == ROWS


def test_a_table_without_header_is_read_too(tmp_path):
    (tmp_path / "a.csv").write_text("a.wav;0,71\n\nb.wav;1\n")
    assert read_table(tmp_path / "a.csv") == [["a.wav", "0.71"], ["b.wav", "1"]]


def test_a_semicolon_in_the_name_of_a_clip_is_none_between_columns(tmp_path):
    (tmp_path / "a.csv").write_text("a;b.wav,0.5\n")
    assert read_table(tmp_path / "a.csv") == [["a;b.wav", "0.5"]]


@pytest.mark.parametrize(
    "content", [COMMAS.encode("utf-16-le"), b"a\0b", codecs.BOM_UTF16_LE + b"a"]
)
def test_what_is_no_text_is_refused(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ValueError, match="UTF-16 without its byte-order mark|utf-16"):
        read_text(tmp_path / "a.csv")
