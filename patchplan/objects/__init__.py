"""Files in object stores: `s3://`, `gs://`, and what `https://` serves.

A name is a local path or a URL; `location` tells them apart. An object is there as a whole or not at all, has no
folder but the `/` in its key, and is never renamed. obstore moves the bytes, with its retries; for the pixels of
Zarr `kvstore` says where they are in the words of tensorstore.
"""

from patchplan.objects.path import Location, ObjectPath, Uri, is_url, location
from patchplan.objects.placing import placed
from patchplan.objects.status import Status
from patchplan.objects.stores import kvstore

__all__ = ["Location", "ObjectPath", "Status", "Uri", "is_url", "kvstore", "location", "placed"]
