"""convert, subset and merge of 10^7 rows against reading and writing the same file; peak memory.

Run: python -m tests.benchmarks.bench_rewrite
"""

import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from patchplan import api
from patchplan.plans.tables import parquet
from tests.benchmarks.measure import peak_of, ratio, report
from tests.plans.making import make_image

SIDE = 51_000


def copy(source: Path, target: Path) -> None:
    """Read and write row groups: what any rewriting costs at least."""
    file = pq.ParquetFile(source)
    schema = file.schema_arrow.remove_metadata()
    with pq.ParquetWriter(target, schema, **parquet.settings(schema)) as writer:
        for i in range(file.num_row_groups):
            writer.write_table(file.read_row_group(i))


def main() -> None:
    """Print a line per command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan, other = folder / "plan.parquet", folder / "other.parquet"
        image = make_image(folder / "a.npy", (SIDE, SIDE))
        api.plan(image, plan, patching={"name": "tiled", "patch_size": 24, "overlaps": 8})
        halves = [folder / f"{i}.parquet" for i in range(2)]
        middle = api.convert(plan, dry_run=True).n_rows // 2
        runs = {
            "convert to Parquet": lambda: api.convert(plan, other, overwrite=True),
            "subset, the first half": lambda: api.subset(plan, halves[0], index=f"0:{middle}", overwrite=True),
            "subset, the second half": lambda: api.subset(plan, halves[1], index=f"{middle}:{10**12}", overwrite=True),
            "merge both": lambda: api.merge(halves, other, overwrite=True),
        }
        for what, run in runs.items():
            report(what, ratio(run, lambda: copy(plan, folder / "floor.parquet"), repeats=3), 3)
        for what, call in {
            "convert to CSV": f"convert({str(plan)!r}, {str(folder / 'p.csv')!r})",
            "convert from CSV": f"convert({str(folder / 'p.csv')!r}, {str(other)!r}, overwrite=True)",
            "subset": f"subset({str(plan)!r}, {str(halves[0])!r}, index='0:{middle}', overwrite=True)",
            "merge": f"merge({list(map(str, halves))!r}, {str(other)!r}, overwrite=True)",
        }.items():
            print(f"{what:58} peak {peak_of(f'from patchplan import api; api.{call}'):.0f} MB")


if __name__ == "__main__":
    main()
