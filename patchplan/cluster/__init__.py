"""Work that is done by the workers of a cluster: which, by whom, and what comes back.

Any piece may be done by any worker, any number of times, with the same result. Who asks for it plans, holds the
locks, keeps the journal and publishes; workers only compute pieces and write them.
"""

from patchplan.cluster.protocol import Cluster, Piece, Session, disk_of, told_path

__all__ = ["Cluster", "Piece", "Session", "disk_of", "told_path"]
