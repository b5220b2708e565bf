"""RapidFuzz as a rival: finds the best match of each query among all names.

    python match.py NAMES.txt QUERIES.txt

Both files have one name a line. Each input line is `SCORER CUTOFF MILLISECONDS`; the answer is `QUERIES WALL_NS CPU_NS`.
Names are prepared once, as RapidFuzz's documents advise.
"""

import itertools
import sys
import time

from rapidfuzz import fuzz, process, utils


def lines(path: str) -> list[str]:
    with open(path, encoding="utf-8") as file:
        return [utils.default_process(line) for line in file.read().splitlines()]


def main() -> None:
    names, queries = lines(sys.argv[1]), itertools.cycle(lines(sys.argv[2]))
    for line in sys.stdin:
        scorer, cutoff, slice_ms = line.split()
        done, cpu, started = 0, time.process_time_ns(), time.perf_counter_ns()
        while time.perf_counter_ns() - started < int(slice_ms) * 1_000_000:
            process.extractOne(next(queries), names, scorer=getattr(fuzz, scorer), score_cutoff=int(cutoff))
            done += 1
        wall, cpu = time.perf_counter_ns() - started, time.process_time_ns() - cpu
        print(done, wall, cpu, flush=True)


main()
