"""A validation set taken out of stratified patching, with the arguments and the meaning of CAREamics."""

import operator

import numpy as np

from patchplan.core.specs import SpecTable
from patchplan.errors import ShapeError
from patchplan.patching.fixed import FixedPatching
from patchplan.patching.stratified import StratifiedPatching


def create_val_split(
    stratified_patching: StratifiedPatching, n_val_patches: int, rng: np.random.Generator
) -> tuple[StratifiedPatching, FixedPatching]:
    """Set random cells aside for validation, and exclude them from training.

    Of each sample as many are taken as random draws of its patches without putting back would be.

    Parameters
    ----------
    stratified_patching : StratifiedPatching
        Changed in place: no patch touches a validation patch from now on.
    n_val_patches : int
        Number of validation patches: cells that lie in their image, are not excluded and have p > 0.
    rng : numpy.random.Generator
        Source of the choice.

    Returns
    -------
    tuple of StratifiedPatching and FixedPatching
        The given strategy, for training, and the validation patches, the same in every epoch.

    Raises
    ------
    ShapeError
        If training would not keep a patch, naming the largest possible number; nothing is changed then.

    Examples
    --------
    >>> patching = StratifiedPatching([(1, 1, 100, 100)], patch_size=25, seed=0)
    >>> training, validation = create_val_split(patching, 4, np.random.default_rng(0))
    >>> training.n_patches, validation.n_patches
    (12, 4)
    """
    n_val_patches = operator.index(n_val_patches)
    patch_size = stratified_patching.patch_size
    samples = [
        (data_idx, sample_idx, cells)
        for data_idx in range(len(stratified_patching.data_shapes))
        for sample_idx, cells in enumerate(stratified_patching.get_cells(data_idx)[1])
    ]
    n_cells = [np.count_nonzero(cells) for _, _, cells in samples]
    possible = np.minimum(n_cells, stratified_patching.get_n_patches_per_sample())
    most = max(int(possible.sum()) - 1, 0)
    if not 0 <= n_val_patches <= most:
        problem = f"n_val_patches: found {n_val_patches}; allowed are 0 to {most}, for training to keep a patch"
        raise ShapeError(f"{problem}; use fewer, a smaller patch or more images")
    columns, filled = SpecTable.empty(n_val_patches, len(patch_size)), 0
    columns["patch_size"][:] = patch_size
    numbers = rng.multivariate_hypergeometric(possible, n_val_patches).tolist()
    for (data_idx, sample_idx, cells), n in zip(samples, numbers, strict=True):
        if n:
            rows = slice(filled, filled := filled + n)
            chosen = rng.choice(np.argwhere(cells), n, replace=False)
            stratified_patching.exclude_patches(data_idx, sample_idx, chosen)
            columns["data_idx"][rows], columns["sample_idx"][rows] = data_idx, sample_idx
            columns["coords"][rows] = chosen * patch_size
    return stratified_patching, FixedPatching(SpecTable(**columns))
