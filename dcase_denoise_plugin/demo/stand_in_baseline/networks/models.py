"""Stand-in for the demo and the tests, not the official baseline: models by name."""

from networks.autoencoder import AutoencoderModel


class Models:
    """`net` is the class of the model called `name`."""

    def __init__(self, name):
        known = {"DCASE2023T2-AE": AutoencoderModel}
        if name not in known:
            raise ValueError(f"unknown model {name!r}: expected one of {', '.join(known)}")
        self.net = known[name]
