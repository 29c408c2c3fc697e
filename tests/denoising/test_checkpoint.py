import dataclasses
import os

import pytest
import torch
from small_machine import SMALL, small_machine

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.findings import Findings
from dcase_denoise_plugin.denoising.tensor_file import content_digest, load_tensors, save_aside
from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.errors import CheckpointError
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.images import Scaling


def checkpoint_for(machine, config=SMALL):
    network = UNet(config.width, config.depth, torch.Generator().manual_seed(0))
    return Checkpoint(
        config,
        machine.features,
        4000,
        machine.dataset,
        machine.machine_type,
        machine.training_digest(config),
        26,
        Scaling(torch.zeros(16, 1), 9.5),
        Findings(noise_known=True, quantile=0.1, guard_db=torch.arange(32.0).view(2, 16, 1)),
        network.state_dict(),
    )


@pytest.fixture
def machine(tmp_path):
    return small_machine(tmp_path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "denoiser.pt"


def test_what_is_saved_is_loaded(machine, path):
    saved = checkpoint_for(machine)
    saved.save(path)
    loaded = Checkpoint.load(path)
    assert (
        loaded.config,
        loaded.features,
        loaded.sample_rate_hz,
        loaded.tile_frames,
        loaded.digest,
    ) == (SMALL, machine.features, 4000, 26, saved.digest)
    assert (
        loaded.findings.quantile == 0.1
        and loaded.scaling.std_db == 9.5
        and torch.equal(loaded.findings.guard_db, saved.findings.guard_db)
    )
    assert all(torch.equal(loaded.weights[name], weight) for name, weight in saved.weights.items())
    loaded.require(machine, SMALL, path)


def test_the_digest_covers_weights_statistics_and_settings(machine):
    digest = checkpoint_for(machine).digest
    other_weights = checkpoint_for(machine)
    other_weights.weights["last.bias"] += 1e-6
    other_statistics = dataclasses.replace(
        checkpoint_for(machine), scaling=Scaling(torch.zeros(16, 1), 9.6)
    )
    other_settings = checkpoint_for(machine, dataclasses.replace(SMALL, epochs=3))
    assert checkpoint_for(machine).digest == digest
    assert len({digest, other_weights.digest, other_statistics.digest, other_settings.digest}) == 4


def test_a_pickled_network_is_refused_without_the_advice_to_let_it_run_code(path):
    torch.save(torch.nn.Linear(1, 1), path)
    with pytest.raises(
        CheckpointError,
        match=(
            r"denoiser: expected a readable file, got one that this plugin did not write in .*\."
            r" Train it again\.$"
        ),
    ):
        Checkpoint.load(path)


def test_a_missing_file_is_refused(path):
    with pytest.raises(
        CheckpointError,
        match=(
            r"denoiser: expected a readable file, got .*No such file.* in .*denoiser\.pt\. Train it"
            r" again\."
        ),
    ):
        Checkpoint.load(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: b"junk" * 100,
        lambda data: data[:600] + b"\xff" * 64 + data[664:],
    ],
)
def test_a_damaged_file_is_refused_in_one_line(machine, path, damage):
    checkpoint_for(machine).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CheckpointError) as error:
        Checkpoint.load(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_changed_weights_are_noticed(machine, path):
    checkpoint_for(machine).save(path)
    content = torch.load(path, weights_only=True)
    content["weights"]["last.bias"] += 1
    torch.save(content, path)
    with pytest.raises(
        CheckpointError,
        match=(
            "expected content that fits its digest, got other content in .*Delete the damaged file"
            " and train it again"
        ),
    ):
        Checkpoint.load(path)


@pytest.mark.parametrize("content", [{"weights": {}}, [1, 2], torch.zeros(3)])
def test_a_foreign_file_is_refused(path, content):
    torch.save(content, path)
    with pytest.raises(
        CheckpointError,
        match="expected a file of format 'dcase_denoise_plugin denoiser 14', got something else in",
    ):
        Checkpoint.load(path)


def test_a_file_that_wants_to_run_code_is_refused(path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(path) + ".owned",)

    torch.save({"format": Evil()}, path)
    with pytest.raises(CheckpointError, match="expected a readable file"):
        Checkpoint.load(path)
    assert not (path.parent / "denoiser.pt.owned").exists()


def test_a_file_with_keys_of_another_version_is_refused(machine, path):
    content = checkpoint_for(machine)._content()
    content["config"]["denoise_widht"] = 3
    save_aside({**content, "digest": content_digest(content)}, path)
    with pytest.raises(
        CheckpointError,
        match="expected keys this version knows, got: denoise_widht.*Train it again",
    ):
        Checkpoint.load(path)


@pytest.mark.parametrize("lacking", ["config", "findings", "mean_db", "features", "weights"])
def test_a_file_that_lacks_a_part_is_refused_by_the_parts_name(machine, path, lacking):
    content = {
        name: value for name, value in checkpoint_for(machine)._content().items() if name != lacking
    }
    save_aside({**content, "digest": content_digest(content)}, path)
    with pytest.raises(
        CheckpointError,
        match=(
            f"denoiser: expected what this version writes, got .*required field `{lacking}` in"
            " .*denoiser.pt. Train it again"
        ),
    ):
        Checkpoint.load(path)


def signed(machine, path, change):
    """Writes a checkpoint with another content and a digest that fits it."""
    content = checkpoint_for(machine)._content()
    change(content)
    save_aside({**content, "digest": content_digest(content)}, path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda content: content.update(config=3), "Expected `object`, got `int`"),
        (lambda content: content["config"].update(denoise_width=[1]), "got `array`"),
        (lambda content: content["config"].update(denoise_width=256), "of shape .*, not .256"),
        (lambda content: content["weights"].popitem(), "weights with or without"),
        (lambda content: content["weights"].update(own=torch.ones(1)), "weights with or without"),
        (
            lambda content: content["weights"].update({"last.bias": torch.ones(5)}),
            r"weights last.bias of shape .5,., not .4,.",
        ),
        (
            lambda content: content["weights"]["last.bias"].fill_(torch.nan),
            "weights last.bias that are not finite",
        ),
        (lambda content: content.update(mean_db=torch.ones(3, 1)), "statistics of other than 16"),
        (lambda content: content["findings"].update(guard_db="x"), "Expected `Tensor`, got `str`"),
        (lambda content: content.update(std_db=0.0), "Expected `float` > 0.0"),
        (lambda content: content.update(sample_rate_hz=0), "Expected `int` >= 1"),
        (lambda content: content.update(more=1), "unknown field `more`"),
        (lambda content: content["features"].update(n_fft=0), "n_fft: expected a number from 2"),
        (lambda content: content["features"].update(n_ftt=2), "n_ftt"),
    ],
)
def test_a_signed_file_whose_parts_do_not_fit_is_refused_in_one_line(
    machine, path, change, complaint
):
    signed(machine, path, change)
    with pytest.raises(CheckpointError, match=f"denoiser: expected .*{complaint}.*Train it again"):
        Checkpoint.load(path)


def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match="no regular file"):
        Checkpoint.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"machine_type": "valve"}, "expected machine type 'valve', got 'fan'"),
        ({"dataset": "OTHER"}, "expected dataset 'OTHER', got 'MADEUP'"),
        ({"features": FeatureSettings(n_mels=64)}, "expected n_fft 1024, got 256"),
        ({"train_files": ()}, "expected recordings "),
        ({"seed": 8}, "expected recordings "),
    ],
)
def test_a_denoiser_of_another_machine_is_refused(machine, path, change, message):
    with pytest.raises(
        CheckpointError,
        match=f"denoiser: {message}.* in .*denoiser.pt. Delete the file to train it again",
    ):
        checkpoint_for(machine).require(dataclasses.replace(machine, **change), SMALL, path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_size", 32),
        ("width", 4),
        ("domain", "waveform"),
        ("epochs", 3),
        ("noise_source", "floor"),
    ],
)
def test_a_denoiser_of_another_configuration_is_refused(machine, path, key, value):
    with pytest.raises(
        CheckpointError,
        match=f"denoiser: expected denoise_{key} {value!r}, got {getattr(SMALL, key)!r} in",
    ):
        checkpoint_for(machine).require(machine, dataclasses.replace(SMALL, **{key: value}), path)


def test_a_denoiser_serves_any_strength(machine, path):
    checkpoint_for(machine).require(machine, dataclasses.replace(SMALL, strength=0.5), path)


def test_a_denoiser_named_by_key_may_come_from_another_machine_and_schedule_but_not_another_network(
    machine, path
):
    named = dataclasses.replace(SMALL, checkpoint=str(path), epochs=5)
    checkpoint_for(machine).require(
        dataclasses.replace(machine, seed=99, machine_type="valve"), named, path
    )
    of_another_network = dataclasses.replace(named, image_size=32, width=4)
    with pytest.raises(
        CheckpointError,
        match=(
            r"expected denoise_image_size 32, got 16 in .*\. Set denoise_image_size: 16,"
            r" denoise_width: 2, or choose another "
            r"denoise_checkpoint\."
        ),
    ):
        checkpoint_for(machine).require(machine, of_another_network, path)


def test_a_denoiser_named_by_key_is_refused_beside_settings_that_it_was_not_trained_with(
    machine, path
):
    named = dataclasses.replace(SMALL, checkpoint=str(path), clip_level="0.05")
    with pytest.raises(
        CheckpointError,
        match=(
            r"expected denoise_clip_level '0.05', got '.*' in .*\. Set denoise_clip_level: .*, or"
            r" choose another"
        ),
    ):
        checkpoint_for(machine).require(machine, named, path)


def test_a_failed_write_leaves_the_old_file_and_nothing_half_written(machine, path, monkeypatch):
    checkpoint_for(machine).save(path)
    before = path.read_bytes()

    def full(content, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(
        CheckpointError,
        match=(
            r"expected to write .*denoiser\.pt, got .*No space left on device.*\. Free space or"
            r" choose another folder\."
        ),
    ):
        checkpoint_for(machine).save(path)
    assert (
        path.read_bytes() == before
        and [file.name for file in path.parent.iterdir() if "partial" in file.name] == []
    )


def test_loaded_tensors_are_on_the_cpu(path):
    save_aside({"weight": torch.ones(2)}, path)
    assert load_tensors(path)["weight"].device.type == "cpu"
