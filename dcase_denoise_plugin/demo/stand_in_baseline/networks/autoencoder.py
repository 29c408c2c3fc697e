"""Stand-in for the demo and the tests, not the official baseline: the autoencoder, its two scores
and their thresholds.
"""

import pickle

import numpy as np
import torch
from scipy.stats import gamma
from torch import nn

from networks.base_model import BaseModel
from networks.metrics import result_table, section_metrics

SOURCE, TARGET = 0, 1


class Autoencoder(nn.Module):
    """input - 4 x 128 - 8 - 4 x 128 - input, with the inverse covariances of its training residuals
    as buffers.
    """

    def __init__(self, input_dim, n_mels):
        super().__init__()
        sizes = [input_dim, 128, 128, 128, 128, 8, 128, 128, 128, 128]
        layers = []
        for before, after in zip(sizes, sizes[1:]):
            layers += [
                nn.Linear(before, after),
                nn.BatchNorm1d(after, momentum=0.01, eps=1e-3),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers, nn.Linear(sizes[-1], input_dim))
        self.n_mels = n_mels
        self.register_buffer(
            "inverse_covariance", torch.eye(n_mels, dtype=torch.float64).repeat(2, 1, 1)
        )

    def forward(self, vectors):
        return self.layers(vectors)

    def residual_frames(self, vectors):
        """float64 (vectors * frames, n_mels): what the network leaves of each mel frame."""
        return (vectors - self(vectors)).reshape(-1, self.n_mels).double()

    def mahala(self, vectors):
        """Smaller of the two domains' means of r_i' C^-1 r_j over all pairs of residual frames,
        which is m' C^-1 m of their mean m.
        """
        mean = self.residual_frames(vectors).mean(dim=0)
        return torch.einsum("i,dij,j->d", mean, self.inverse_covariance, mean).min()


class AutoencoderModel(BaseModel):
    """Trains for `epochs` epochs; one more call of `train` settles covariances and thresholds and
    saves the model.
    """

    def build_network(self, input_dim):
        return Autoencoder(input_dim, self.args.n_mels)

    def train(self, epoch):
        if epoch > self.args.epochs:
            self.finish()
        elif epoch >= self.first_epoch:
            self.train_epoch(epoch)
            self.save_checkpoint(epoch)

    def train_epoch(self, epoch):
        self.network.train()
        errors, domains = [], []
        for batch, (vectors, _, domain, _) in enumerate(self.data.train_loader, start=1):
            vectors = vectors.to(self.device)
            error = (self.network(vectors) - vectors).square().mean(dim=1)
            self.optimizer.zero_grad()
            error.mean().backward()
            self.optimizer.step()
            errors.append(error.detach().cpu())
            domains.append(domain)
            if batch % self.args.log_interval == 0:
                print(
                    f"epoch {epoch} batch {batch}/{len(self.data.train_loader)} loss"
                    f" {error.mean().item():.4f}"
                )
        errors, domains = torch.cat(errors), torch.cat(domains)
        self.network.eval()
        with torch.no_grad():
            valid = np.mean([self.score("MSE", vectors) for vectors, *_ in self.data.valid_loader])
        loss = errors.mean().item()
        self.log(
            loss=loss,
            val_loss=valid,
            recon_loss=loss,
            recon_loss_source=errors[domains == SOURCE].mean().item(),
            recon_loss_target=errors[domains == TARGET].mean().item(),
        )
        print(f"epoch {epoch}/{self.args.epochs} loss {loss:.4f} val_loss {valid:.4f}")

    @torch.no_grad()
    def finish(self):
        self.network.eval()
        frames = {SOURCE: [], TARGET: []}
        for vectors, _, domain, _ in self.data.train_loader:
            for number in frames:
                frames[number].append(
                    self.network.residual_frames(vectors[domain == number].to(self.device))
                )
        of_domain = {number: torch.cat(parts) for number, parts in frames.items()}
        for number, own in of_domain.items():
            # Without clips of a domain, the other one speaks for both.
            residuals = own if len(own) else of_domain[TARGET if number == SOURCE else SOURCE]
            covariance = torch.cov(residuals.T, correction=0)
            self.network.inverse_covariance[number] = torch.linalg.pinv(covariance, hermitian=True)
        for score, path in self.threshold_paths.items():
            scores = [
                self.score(score, vectors)
                for loader in (self.data.train_loader, self.data.valid_loader)
                for vectors, *_ in loader
            ]
            with open(path, "wb") as stream:
                pickle.dump(gamma.fit(scores), stream)
        torch.save(self.network.state_dict(), self.model_path)
        print(f"wrote {self.model_path}")

    def score(self, kind, vectors):
        """Anomaly score of a batch of vectors, all of one clip when testing."""
        vectors = vectors.to(self.device)
        return (
            self.network.mahala(vectors)
            if kind == "MAHALA"
            else (self.network(vectors) - vectors).square().mean()
        ).item()

    @torch.no_grad()
    def test(self):
        self.network.eval()
        with open(self.threshold_paths[self.args.score], "rb") as stream:
            threshold = gamma.ppf(self.args.decision_threshold, *pickle.load(stream))
        sections = {}
        for number, loader in zip(self.data.section_ids, self.data.test_loader):
            clips = loader.dataset
            scores = np.array([self.score(self.args.score, vectors) for vectors, *_ in loader])
            decisions = (scores > threshold).astype(int)
            run = f"{self.args.dataset}_section_{number:02d}_test_seed{self.args.seed}"
            name = f"{run}{self.suffix}.csv"
            self.write_csv(f"anomaly_score_{name}", zip(clips.basenames, scores.tolist()))
            self.write_csv(f"decision_result_{name}", zip(clips.basenames, decisions.tolist()))
            if clips.mode:
                sections[f"{number:02d}"] = section_metrics(
                    clips.y_true, clips.condition, scores, decisions, self.args.max_fpr
                )
        if sections:
            self.write_csv(
                f"result_{self.args.dataset}_test_seed{self.args.seed}{self.suffix}_roc.csv",
                result_table(sections),
            )
