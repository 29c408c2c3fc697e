import argparse

import pytest

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.settings import config as configuration
from dcase_denoise_plugin.settings import sources
from dcase_denoise_plugin.settings.config import DenoiseConfig


def test_the_flag_is_off_by_default():
    assert not DenoiseConfig().denoise


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("strength", 1.5, "denoise_strength: expected a number from 0 to 1, got 1.5"),
        ("epochs", -1, "denoise_epochs: expected a whole number from 0 to 100000 epochs, got -1"),
        ("epochs", 2.5, "denoise_epochs: expected a whole number"),
        (
            "domain",
            "cepstrum",
            "denoise_domain: expected one of waveform, mel, method, got 'cepstrum'",
        ),
        (
            "image_size",
            100,
            (
                "denoise_image_size: expected 0 or a multiple of 2**denoise_depth (16) from 32 on,"
                " got 100"
            ),
        ),
        ("image_size", 16, "from 32 on, got 16"),
        (
            "machine_epochs",
            "slider",
            (
                "denoise_machine_epochs: expected machine=epochs pairs such as slider=65,fan=80,"
                " got 'slider'"
            ),
        ),
        ("machine_epochs", "slider=0", "got 'slider=0'"),
        (
            "method",
            "rm -rf",
            (
                "denoise_method: expected one of unet, identity, spectral_gate, wiener,"
                " far_subtraction, an entry point or package.module:function, got 'rm -rf'"
            ),
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_key_expectation_and_value(key, value, message):
    with pytest.raises(ConfigError) as error:
        DenoiseConfig(**{key: value})
    assert message in str(error.value)


def test_an_empty_snr_range_is_refused():
    with pytest.raises(
        ConfigError, match="denoise_snr_db_min: expected at most denoise_snr_db_max"
    ):
        DenoiseConfig(snr_db_min=5.0, snr_db_max=-5.0)


@pytest.mark.parametrize("source", ["suplemental", "noise", ""])
def test_a_noise_source_that_is_no_name_and_no_path_is_refused(source):
    with pytest.raises(
        ConfigError,
        match="denoise_noise_source: expected one of auto, .*, or the path of a folder, got",
    ):
        DenoiseConfig(noise_source=source)


@pytest.mark.parametrize("source", ["auto", "coloured", "./noise", "/data/noise", "~/noise"])
def test_a_noise_source_is_a_name_or_a_path(source):
    assert DenoiseConfig(noise_source=source).noise_source == source


def test_an_unknown_key_is_refused_naming_the_nearest():
    with pytest.raises(
        ConfigError,
        match=(
            "denoise_strenght: expected a known denoise key, got an unknown one .* Did you mean"
            " denoise_strength?"
        ),
    ):
        sources.from_keys({"denoise_strenght": 1}, "baseline.yaml")


def test_an_unknown_key_near_none_lists_what_there_is():
    with pytest.raises(ConfigError, match="Known keys: denoise, denoise_preset"):
        sources.from_keys({"denoise_qqqqqqqqqqqqqqqqq": 1}, "baseline.yaml")


@pytest.mark.parametrize("value", ["maybe", 1, None])
def test_the_flag_takes_true_and_false_only(value):
    with pytest.raises(ConfigError, match=f"denoise: expected true or false, got {value!r}"):
        sources.from_keys({"denoise": value}, "baseline.yaml")


@pytest.mark.parametrize(
    "key, text, message",
    [
        (
            "denoise_epochs",
            "many",
            "denoise_epochs: expected a whole number from 0 to 100000 epochs, got 'many'",
        ),
        ("denoise_epochs", 1.5, "denoise_epochs: expected a whole number"),
        ("denoise_strength", "half", "denoise_strength: expected a number from 0 to 1, got 'half'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(key, text, message):
    with pytest.raises(ConfigError) as error:
        sources.from_keys({key: text}, "baseline.yaml")
    assert message in str(error.value)


def test_keys_are_read_with_and_without_leading_dashes():
    assert sources.from_keys({"--denoise": True, "denoise_strength": "0.5"}, "here") == {
        "denoise": True,
        "strength": 0.5,
    }


def test_a_mapping_of_machine_epochs_becomes_its_text_form():
    values = sources.from_keys({"denoise_machine_epochs": {"slider": 65, "fan": 80}}, "here")
    assert (
        DenoiseConfig(**values).epochs_of("slider") == 65
        and DenoiseConfig(**values).epochs_of("valve") == DenoiseConfig().epochs
    )


def test_machine_epochs_beside_no_u_net_are_refused():
    with pytest.raises(ConfigError) as refused:
        DenoiseConfig(epochs=0, machine_epochs="slider=65")
    assert str(refused.value) == (
        "denoise_machine_epochs: expected nothing beside denoise_epochs 0, got 'slider=65'. Raise"
        " denoise_epochs, or leave the machines out."
    )


def test_machine_epochs_are_reported_as_per_machine_settings():
    assert DenoiseConfig(machine_epochs="slider=65, fan=80").per_machine_settings == (
        "slider=65",
        "fan=80",
    )


def test_precedence_is_default_then_preset_then_given(tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text("denoise_epochs: 7\ndenoise_width: 3\n--epochs: 50\n")
    resolved = sources.resolve({"preset": str(preset), "width": 5}, environment={})
    assert (resolved.epochs, resolved.width, resolved.batch_size) == (
        7,
        5,
        DenoiseConfig().batch_size,
    )


def test_a_preset_can_come_from_the_environment(tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text("denoise_epochs: 7\n")
    assert sources.resolve({}, environment={sources.PRESET_VARIABLE: str(preset)}).epochs == 7


def test_the_flag_alone_means_the_recommended_preset():
    recommended = sources.resolve({"denoise": True, "preset": "recommended"}, environment={})
    assert sources.resolve({"denoise": True}, environment={}) == recommended


@pytest.mark.parametrize("name", ["denoise", "recommended", "waveform"])
def test_a_preset_says_all_of_its_keys(name):
    fields = {field.name for field in configuration.field_names().values()}
    assert set(sources.read_preset(name)) == fields - {"denoise", "preset", "checkpoint"}


def test_off_in_a_yaml_is_the_word_and_not_false(tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text("denoise_far_microphone: off\n")
    assert sources.read_preset(str(preset)) == {"far_microphone": "off"}


def test_what_differs_from_the_preset_is_told():
    config = sources.resolve({"denoise": True, "preset": "denoise", "strength": 0.5}, {})
    assert sources.changed_keys(config) == {"denoise_strength": 0.5}


@pytest.mark.parametrize(
    ("keys", "domain"),
    [
        ({"method": "mine:f"}, "method"),
        ({"method": "mine:f", "domain": "waveform"}, "waveform"),
        ({"method": "wiener"}, "mel"),
    ],
)
def test_a_method_of_ones_own_states_its_domain_unless_a_key_does(keys, domain):
    assert sources.resolve(keys, {}).domain == domain


def test_a_preset_file_of_ones_own_may_say_the_domain_of_ones_method(tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text("denoise_method: mine:f\ndenoise_domain: waveform\n")
    assert sources.resolve({"preset": str(preset)}, {}).domain == "waveform"


def test_a_built_in_method_states_no_domain():
    with pytest.raises(ConfigError, match="denoise_domain: expected waveform or mel for unet"):
        DenoiseConfig(domain="method")


@pytest.mark.parametrize("name", ["denoise", "recommended", "waveform"])
def test_every_packaged_preset_resolves(name):
    assert sources.resolve({"preset": name}, environment={}).preset == name


def test_the_published_preset_is_the_published_schedule():
    published = sources.resolve({"preset": "denoise"}, environment={})
    assert (
        published.image_size,
        published.noisy_pair_share,
        published.pairs_per_clip,
        published.batch_size,
    ) == (256, 0.7, 10, 16)
    assert (published.epochs_of("fan"), published.epochs_of("slider")) == (100, 65)


def test_an_unknown_preset_is_refused_naming_the_known_ones():
    with pytest.raises(
        ConfigError, match="denoise_preset: expected one of .*recommended.*, got 'recomended'"
    ):
        sources.resolve({"preset": "recomended"}, environment={})


@pytest.mark.parametrize(
    "content, message",
    [
        ("- a\n- b\n", "expected a mapping of keys to values, got list"),
        ("a: [", "expected a readable YAML file"),
        (None, "No such file"),
    ],
)
def test_a_preset_file_that_is_missing_or_no_mapping_is_refused(tmp_path, content, message):
    preset = tmp_path / "mine.yaml"
    if content is not None:
        preset.write_text(content)
    with pytest.raises(ConfigError, match=message):
        sources.resolve({"preset": str(preset)}, environment={})


def test_strength_changes_the_digest_but_not_the_digest_of_the_weights():
    full, half = DenoiseConfig(), DenoiseConfig(strength=0.5)
    assert full.digest() != half.digest() and full.weights_digest() == half.weights_digest()


def test_width_changes_both_digests_and_the_presets_name_neither():
    compact, wide, named = (
        DenoiseConfig(),
        DenoiseConfig(width=16),
        DenoiseConfig(preset="waveform"),
    )
    assert wide.weights_digest() != compact.weights_digest() and wide.digest() != compact.digest()
    assert named.digest() == compact.digest()


def test_there_are_at_most_24_keys():
    assert len(configuration.field_names()) <= 24


def test_every_key_is_an_option_with_help():
    parser = argparse.ArgumentParser()
    sources.add_arguments(parser)
    text = parser.format_help()
    assert all(f"--{key} " in text for key in configuration.field_names())


def test_an_option_that_is_not_given_leaves_no_trace():
    parser = argparse.ArgumentParser()
    sources.add_arguments(parser)
    assert vars(parser.parse_args(["--denoise", "true"])) == {"denoise": True}


def test_the_command_line_refuses_a_value_out_of_range(capsys):
    parser = argparse.ArgumentParser()
    sources.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--denoise_strength", "7"])
    assert "expected a number from 0 to 1, got 7.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "level, quantile",
    [("mean", None), ("auto", None), (0.1, 0.1), ("0.95", 0.95), (0, 0.0)],
)
def test_a_clips_level_is_its_mean_chosen_by_itself_or_a_quantile(level, quantile):
    assert (
        DenoiseConfig(**sources.from_keys({"denoise_clip_level": level}, "here")).fixed_quantile
        == quantile
    )


@pytest.mark.parametrize("level", ["low", "1.5", "nan"])
def test_any_other_level_of_a_clip_is_refused(level):
    with pytest.raises(
        ConfigError,
        match=(
            "denoise_clip_level: expected mean, auto or a number from 0 to 1, got"
            f" '{level}'. Correct the value."
        ),
    ):
        DenoiseConfig(clip_level=level)
