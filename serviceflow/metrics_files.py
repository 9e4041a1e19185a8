"""The files in which the processes of one web server count: one for each kind and process (prometheus-client's).

Nobody counts on in the file of a process that is gone, and there is no end of those where processes keep dying. So the
first process adds them up into one of each kind. The library has no means for that but its dictionary in a file.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
KINDS = ("counter", "histogram")  # gauges are of what lives: mark_process_dead takes them away
GONE = "gone"


@contextmanager
def at_rest(*, changing: bool = False) -> Iterator[None]:
    """No count is read while it moves from one file to another. Who changes does not wait: raises BlockingIOError."""
    with (Path(os.environ[FOLDER]) / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB if changing else fcntl.LOCK_SH)
        yield


def gather(alive: Collection[int]) -> None:
    """Keep what was counted by processes that do not live any more, and not their files."""
    from prometheus_client.mmap_dict import MmapedDict

    folder = Path(os.environ[FOLDER])
    with at_rest(changing=True):
        for kind in KINDS:
            left = [one for one in folder.glob(f"{kind}_*.db") if _is_left(one, alive)]
            more: defaultdict[str, float] = defaultdict(float)
            for one in left:
                for key, value, _at, _place in MmapedDict.read_all_values_from_file(one):  # type: ignore[no-untyped-call]
                    more[key] += value
            if not left:
                continue
            kept = MmapedDict(str(folder / f"{kind}_{GONE}.db"))  # type: ignore[no-untyped-call]
            try:
                for key, value in more.items():
                    kept.write_value(key, kept.read_value(key)[0] + value, 0.0)  # type: ignore[no-untyped-call]
            finally:
                kept.close()  # type: ignore[no-untyped-call]
            for one in left:
                one.unlink()


def _is_left(file: Path, alive: Collection[int]) -> bool:
    whose = file.stem.rpartition("_")[2]
    return whose != GONE and int(whose) not in alive
