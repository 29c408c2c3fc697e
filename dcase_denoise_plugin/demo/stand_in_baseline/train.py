"""Stand-in for the demo and the tests, not the official baseline: trains and tests one machine
type.
"""

import random

import common
import numpy as np
import torch
from networks.models import Models


def read_arguments():
    """baseline.yaml first, the command line over it."""
    parser = common.get_argparse()
    args = parser.parse_args(common.param_to_args_list(common.yaml_load()))
    args = parser.parse_args(namespace=args)
    args.cuda = args.use_cuda and torch.cuda.is_available()
    return args


def seed_everything(seed):
    for seeder in (random.seed, np.random.seed, torch.manual_seed, torch.cuda.manual_seed_all):
        seeder(seed)
    # The official program loses this function as well (it assigns to it); a plugin that calls it
    # later must fail here too.
    torch.use_deterministic_algorithms = True


def main():
    args = read_arguments()
    print(
        f"stand-in baseline: {args.model} on {args.dataset}, score {args.score}, seed {args.seed}"
    )
    seed_everything(args.seed)
    net = Models(args.model).net(args=args, train=not args.test_only, test=not args.train_only)
    if not args.test_only:
        for epoch in range(1, args.epochs + 2):
            net.train(epoch)
    if not args.train_only:
        net.test()


if __name__ == "__main__":
    main()
