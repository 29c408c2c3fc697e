"""Stand-in for the demo and the tests, not the official baseline: from a data set's name to its
train, validation and test loaders.
"""

import re

from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Subset

from datasets import loader_common as com
from datasets.dcase_dcase202x_t2_loader import DCASE202XT2Loader

NAME = re.compile(r"(DCASE202\dT2)(\w+)")


class DCASE202XT2:
    """`train_loader`, `valid_loader` and one test loader a section (`test_loader`), as the
    arguments ask for.
    """

    def __init__(self, args):
        dataset_name, machine_type = NAME.fullmatch(args.dataset).groups()
        self.section_ids = (
            args.use_ids
            or com.get_machine_type_dict(dataset_name, mode=not args.eval)[machine_type]
        )
        common = dict(
            dataset_name=dataset_name,
            section_keyword="section",
            machine_type=machine_type,
            frames=args.frames,
            n_mels=args.n_mels,
            frame_hop_length=args.frame_hop_length,
            n_fft=args.n_fft,
            hop_length=args.hop_length,
            power=args.power,
            fmax=args.fmax,
            fmin=args.fmin,
            win_length=args.win_length,
            data_type="eval" if args.eval else "dev",
            use_id=args.use_ids,
            is_auto_download=args.is_auto_download,
            mono=args.mono,
        )

        train = DCASE202XT2Loader(
            args.dataset_directory, train=True, section_ids=self.section_ids, **common
        )
        train_rows, valid_rows = train_test_split(
            range(len(train)), test_size=args.validation_split
        )
        self.train_loader = DataLoader(
            Subset(train, train_rows), batch_size=args.batch_size, shuffle=args.shuffle
        )
        self.valid_loader = DataLoader(Subset(train, valid_rows), batch_size=args.batch_size)
        self.input_dim = train.data.shape[1]

        tested = [] if args.train_only else self.section_ids
        tests = [
            DCASE202XT2Loader(args.dataset_directory, train=False, section_ids=[number], **common)
            for number in tested
        ]
        self.test_loader = [DataLoader(test, batch_size=test.n_vectors_ea_file) for test in tests]


class Datasets:
    """`data` is the class that builds the loaders of the data set called `name`."""

    def __init__(self, name):
        if not NAME.fullmatch(name):
            raise ValueError(
                f"unknown data set {name!r}: expected DCASE202<x>T2<machine type>, such as"
                " DCASE2025T2fan"
            )
        self.data = DCASE202XT2
