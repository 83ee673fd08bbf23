"""`finish`: complete and publish what the shares of a job array have written."""

from typing import Any

from patchplan.api.clusters import connected
from patchplan.api.common import PathLike, Progress
from patchplan.api.preparing import check_places, overlapping, prepare
from patchplan.errors import OutputError, PlanError
from patchplan.journal.identity import read_identity
from patchplan.objects import location
from patchplan.plans.plan import Plan, open_plan
from patchplan.publish import left_by_others, partial_of
from patchplan.publish.names import RUN
from patchplan.stitching.assemble import Assembly
from patchplan.stitching.audit import Auditor
from patchplan.stitching.held import all_taken
from patchplan.stitching.identity import AGAIN, AUDIT, PLAN, SHARES, TILES, audit_of
from patchplan.stitching.job import StitchJob
from patchplan.stitching.on_cluster import Elsewhere
from patchplan.stitching.result import StitchResult
from patchplan.stitching.sharing import finish as finish_job


def finish(
    plan: PathLike | Plan,
    output: PathLike,
    *,
    root: PathLike | None = None,
    memory: str | int = "2GB",
    workers: int | None = None,
    overwrite: bool = False,
    scheduler: Any = None,
    checksums: bool = False,
    progress: Progress | None = None,
) -> StitchResult:
    """Check that all shares of a stitch are written, build the pyramid or the TIFF, and publish.

    All that decides the pixels is what the shares were told. Where it is stopped, it goes on when called again.

    Parameters
    ----------
    plan : path or Plan
        The plan of the shares.
    output : path
        Their output.
    scheduler : str or distributed.Client, optional
        As for `stitch`: its workers make the blocks of the pyramid, and need to see the plan and the output.
    root, memory, workers, overwrite, checksums, progress
        As for `stitch`.

    Raises
    ------
    AuditError
        If shares are not written, or what they wrote has changed since; naming them.
    ConfigError, PlanError, OutputError
        All `PatchplanError`; what the shares wrote stays.
    """
    path = location(output)
    run = partial_of(path) / RUN
    if not run.exists():
        if path.exists():
            raise OutputError(f"{path}: is there, and no shares of it are left: nothing is to be finished")
        raise OutputError(f"{run.parent}: is not there: no share of {path} was run; begin with --share 1/N -o {path}")
    identity = read_identity(run)
    shares = str(identity.facts.get(SHARES))
    if not shares.isdecimal():
        raise OutputError(f"{run.parent}: was not begun with --share; go on with --resume, as it was begun")
    facts, more = identity.facts, identity.more
    opened = plan if isinstance(plan, Plan) else open_plan(plan)
    if opened.digest != facts[PLAN]:
        raise PlanError(f"{opened.path}: is not the plan that the shares of {path} were begun with; give that one")
    prepared = prepare(plan, output, epoch=facts["--epoch"], root=root, memory=memory, workers=workers, **more[AGAIN])
    check_places(prepared, [location(tiles["path"]) for tiles in more[TILES]])
    auditor = Auditor(prepared.rows, all_taken(prepared.rows.index), prepared.options)
    assembly = Assembly(auditor, audit_of(more[AUDIT]), overlapping(prepared.rows))
    same = prepared.identity(
        more[TILES],
        overwrite=overwrite,
        checksums=checksums,
        absent_chunks=str(facts["--absent-chunks"]),
        shares=int(shares),
    )
    job = StitchJob(assembly, prepared.target, prepared.storage, same, overwrite, True, checksums)
    seen = [opened.path, path.parent]
    with left_by_others(path), connected(scheduler, prepared.options.workers, seen, whole=False) as cluster:
        return finish_job(job, int(shares), progress, None if cluster is None else Elsewhere(cluster))
