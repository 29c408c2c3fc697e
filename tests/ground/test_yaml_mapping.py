import pytest

from dcase_denoise_plugin.errors import BaselineError
from dcase_denoise_plugin.files import read_mapping


@pytest.mark.parametrize(
    "content, complaint",
    [("a: [", "readable YAML"), ("- 1", "a mapping.*got list"), (None, "readable YAML")],
)
def test_a_yaml_file_that_is_no_mapping_is_refused(tmp_path, content, complaint):
    if content is not None:
        (tmp_path / "baseline.yaml").write_text(content)
    with pytest.raises(BaselineError, match=complaint):
        read_mapping(tmp_path / "baseline.yaml", BaselineError)
