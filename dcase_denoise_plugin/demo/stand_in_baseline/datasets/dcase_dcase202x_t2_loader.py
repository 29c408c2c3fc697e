"""Stand-in for the demo and the tests, not the official baseline: the vectors of one machine type's
clips, kept in a pickle.
"""

import pickle
from pathlib import Path

import numpy as np
import torch

from datasets import loader_common as com


def file_list_to_data(
    file_list,
    n_mels,
    frames,
    frame_hop_length,
    n_fft,
    hop_length,
    power,
    fmax,
    fmin,
    win_length,
    mono=True,
):
    """float32 (files, vectors, frames * n_mels). Raises ValueError if the clips differ in
    length.
    """
    return np.stack(
        [
            com.file_to_vectors(
                name,
                n_mels=n_mels,
                n_frames=frames,
                n_fft=n_fft,
                hop_length=hop_length,
                power=power,
                fmax=fmax,
                fmin=fmin,
                win_length=win_length,
                mono=mono,
            )[::frame_hop_length].astype(np.float32)
            for name in file_list
        ]
    )


class DCASE202XT2Loader(torch.utils.data.Dataset):
    """Rows (vector, label, domain, clip number) of the sections of one split, clip after clip."""

    def __init__(
        self,
        data_path,
        dataset_name="DCASE2025T2",
        section_keyword="section",
        machine_type="fan",
        train=True,
        section_ids=(0,),
        frames=5,
        n_mels=128,
        frame_hop_length=1,
        n_fft=1024,
        hop_length=512,
        power=2.0,
        fmax=None,
        fmin=None,
        win_length=None,
        data_type="dev",
        use_id=(),
        is_auto_download=False,
        mono=True,
    ):
        self.machine_type = machine_type
        self.section_ids = [number for number in section_ids if not use_id or number in use_id]
        root = Path(data_path, dataset_name.lower(), f"{data_type}_data").absolute()
        target_dir = root / "raw" / machine_type
        if not target_dir.is_dir():
            download = " (the stand-in has nothing to download)" if is_auto_download else ""
            raise FileNotFoundError(
                f"no machine type {machine_type}: there is no folder {target_dir}{download}"
            )
        renamed = (target_dir / "test_rename").is_dir()
        dir_name = "train" if train else "test_rename" if renamed else "test"
        self.mode = train or data_type == "dev" or renamed
        self.log_melspectrogram_dir = str(
            root
            / "processed"
            / machine_type
            / dir_name
            / f"mels{n_mels}_fft{n_fft}_hop{hop_length}"
        )
        Path(self.log_melspectrogram_dir).mkdir(parents=True, exist_ok=True)

        names = [f"{section_keyword}_{number:02d}" for number in self.section_ids]
        pickle_name = (
            f"{'-'.join(names)}_mix_TF{frames}-{frame_hop_length}_mel{n_fft}-{hop_length}.pickle"
        )
        self.load_pre_process(
            pickle_name=pickle_name,
            target_dir=str(target_dir),
            pickle_path=str(Path(self.log_melspectrogram_dir, pickle_name)),
            n_sections=len(names),
            unique_section_names=np.array(names),
            dir_name=dir_name,
            train=train,
            n_mels=n_mels,
            frames=frames,
            frame_hop_length=frame_hop_length,
            n_fft=n_fft,
            hop_length=hop_length,
            power=power,
            fmax=fmax,
            fmin=fmin,
            win_length=win_length,
            mono=mono,
        )

    def load_pre_process(
        self,
        pickle_name,
        target_dir,
        pickle_path,
        n_sections,
        unique_section_names,
        dir_name,
        train,
        n_mels,
        frames,
        frame_hop_length,
        n_fft,
        hop_length,
        power,
        fmax,
        fmin,
        win_length,
        mono=True,
    ):
        """Takes over what the pickle holds; makes it from the wav files first if there is none."""
        if not Path(pickle_path).exists():
            print(f"features of {n_sections} section(s) of {target_dir}/{dir_name}")
            found = [
                com.file_list_generator(
                    target_dir, name, unique_section_names, dir_name, self.mode, train
                )
                for name in unique_section_names
            ]
            files, y_true, condition = (np.concatenate(parts) for parts in zip(*found))
            vectors = file_list_to_data(
                files,
                n_mels,
                frames,
                frame_hop_length,
                n_fft,
                hop_length,
                power,
                fmax,
                fmin,
                win_length,
                mono,
            )
            content = (
                vectors.reshape(-1, vectors.shape[-1]),
                y_true,
                condition,
                vectors.shape[1],
                [Path(name).name for name in files],
            )
            with open(pickle_path, "wb") as stream:
                pickle.dump(content, stream, protocol=pickle.HIGHEST_PROTOCOL)
        with open(pickle_path, "rb") as stream:
            print(f"load {pickle_name}")
            self.data, self.y_true, self.condition, self.n_vectors_ea_file, self.basenames = (
                pickle.load(stream)
            )

    def __len__(self):
        return len(self.data)

    def __getitem__(self, row):
        clip = row // self.n_vectors_ea_file
        return self.data[row], self.y_true[clip], self.condition[clip], clip
