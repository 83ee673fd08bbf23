"""Plans in PyTorch: a dataset over a plan, and samplers. Needs the extra `torch`."""

from importlib.util import find_spec

from patchplan.errors import MissingExtraError

if find_spec("torch") is None:
    raise MissingExtraError("patchplan.torch needs PyTorch", "torch")

from patchplan.torch.dataset import PatchDataset
from patchplan.torch.samplers import FileBatchSampler, WeightedSampler
from patchplan.torch.seeding import seed_worker

__all__ = ["FileBatchSampler", "PatchDataset", "WeightedSampler", "seed_worker"]
