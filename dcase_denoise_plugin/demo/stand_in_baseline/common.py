"""Stand-in for the demo and the tests, not the official baseline: settings from baseline.yaml and
the command line.
"""

import argparse

import yaml


def yaml_load():
    """The settings of baseline.yaml in the current folder, keyed by option name."""
    with open("baseline.yaml", encoding="utf-8") as stream:
        return yaml.safe_load(stream)


def param_to_args_list(params):
    """Settings as the command line would spell them."""
    words = []
    for option, value in params.items():
        words += [option, *map(str, value if isinstance(value, list) else [value])]
    return words


def _switch(word):
    if word not in ("True", "False", "true", "false"):
        raise argparse.ArgumentTypeError(f"{word!r} is neither True nor False")
    return word.lower() == "true"


def _or_none(kind):
    return lambda word: None if word in ("None", "null") else kind(word)


def get_argparse():
    """Every option, as baseline.yaml and the command line may name it."""
    parser = argparse.ArgumentParser(
        description="Stand-in of the DCASE Task 2 baseline, for the demo and the tests only."
    )
    add = parser.add_argument
    add("--dataset", default="DCASE2025T2fan", help="data set and machine type in one word")
    add("--dataset_directory", default="./data", help="relative to this folder")
    add("--result_directory", default="./results")
    add("--export_dir", default="baseline", help="name of the folders that this run writes")
    add("--use_cuda", type=_switch, default=True)
    add("--gpu_id", type=int, nargs="*", default=[0])
    add("--log_interval", type=int, default=100, help="batches between two lines of progress")
    add("--model", default="DCASE2023T2-AE")
    add("--score", choices=("MSE", "MAHALA"), default="MSE")
    add("--seed", type=int, default=13711)
    add("--is_auto_download", type=_switch, default=False)
    add("--max_fpr", type=float, default=0.1)
    add("--decision_threshold", type=float, default=0.9, help="quantile of the training scores")
    add("--n_mels", type=int, default=128)
    add("--frames", type=int, default=5, help="mel frames in a vector")
    add("--frame_hop_length", type=int, default=1)
    add("--n_fft", type=int, default=1024)
    add("--hop_length", type=int, default=512)
    add("--win_length", type=_or_none(int), default=None)
    add("--power", type=float, default=2.0)
    add("--fmin", type=float, default=0.0)
    add("--fmax", type=_or_none(float), default=None)
    add("--batch_size", type=int, default=256)
    add("--epochs", type=int, default=100)
    add("-lr", "--learning_rate", type=float, default=0.001)
    add("--shuffle", type=_switch, default=True)
    add("--validation_split", type=float, default=0.1)
    add("--mono", type=_switch, default=True, help="False: two channels, of which the first counts")
    add("-tag", "--model_name_suffix", default="", help="part of every file name")
    add("--use_ids", type=int, nargs="*", default=[], help="sections; none means all")
    add("-d", "--dev", action="store_true", help="development data")
    add("-e", "--eval", action="store_true", help="evaluation data")
    add("--train_only", action="store_true")
    add("--test_only", action="store_true")
    add("--restart", action="store_true", help="go on from --checkpoint_path")
    add("--checkpoint_path", default="")
    return parser
