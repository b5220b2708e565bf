"""Our engine beside NeuroKit2, slice by slice, in one run: compare.py BENCH RECORDING.json README.md.

Times are seconds on a processor, so that other programs' work is not in them.
"""
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings

import neurokit2
import numpy

PAIRS = int(os.environ.get("BENCH_PAIRS", "5"))
BEGIN, END = "<!-- results: written by bench/zenb/run.sh -->", "<!-- end of results -->"
WINDOW_S = 300
# Figures of the predecessor, median of three runs of 100,000 cycles of a 10 Hz synthetic person on a machine like this one; its baseline
# did not compile and was patched to. It computes no figure of heart-rate variability: those are its input.
PREDECESSOR = {"ingest and control": 0.52, "ticks": 0.05, "replay": 1e6 / 9.3e7}


class Ours:
    def __init__(self, program, recording):
        self.child = subprocess.Popen([program, recording], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def slice(self, name):
        self.child.stdin.write(name + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())


def neurokit(rr_ms):
    """Time domain and spectrum of a series, as its users call them."""
    peaks = neurokit2.intervals_to_peaks(rr_ms, sampling_rate=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        neurokit2.hrv_time(peaks, sampling_rate=1000)
        neurokit2.hrv_frequency(peaks, sampling_rate=1000)


def cpu_of(work):
    before = time.process_time()
    work()
    return time.process_time() - before


def spread(values, digits=3):
    middle = statistics.median(values)
    return f"{middle:.{digits}g} ({min(values):.{digits}g} - {max(values):.{digits}g})"


def main():
    program, path, page = sys.argv[1:]
    rr = numpy.array(json.load(open(path))["rr_ms"])
    ours = Ours(program, path)
    newest = rr[: numpy.searchsorted(numpy.cumsum(rr), WINDOW_S * 1000)]
    day, beat, slices = [], [], {name: [] for name in ("features", "steps", "ticks", "replay")}
    # The first pair warms both sides up and is thrown away.
    for pair in range(PAIRS + 1):
        mine = {name: ours.slice(name) for name in slices}
        whole = cpu_of(lambda: neurokit(rr))
        again = cpu_of(lambda: [neurokit(newest) for _ in range(10)]) / 10
        print(f"pair {pair}: ours {mine['features']['cpu_s']:.2f} s, NeuroKit2 {whole:.2f} s for the day once", file=sys.stderr)
        if pair == 0:
            continue
        for name, found in mine.items():
            slices[name].append(found)
        features = mine["features"]
        day.append(whole / features["cpu_s"])
        beat.append(again / (features["cpu_s"] / features["units"]))

    def each(name):
        return [1e6 * found["cpu_s"] / found["units"] for found in slices[name]]

    def item(name, quantile):
        return spread([found[quantile] for found in slices[name]])

    count = int(slices["features"][0]["units"])
    seconds = [found["cpu_s"] for found in slices["features"]]
    replay_s = [found["cpu_s"] for found in slices["replay"]]
    events = int(slices["replay"][0]["units"])
    rate = [found["units"] / found["cpu_s"] for found in slices["ticks"]]
    steps_rate = [found["units"] / found["cpu_s"] for found in slices["replay"]]
    rows = [
        ("every figure after a beat", "µs CPU a beat", spread(each("features")), f"NeuroKit2, time and spectrum of {WINDOW_S} s anew: **{spread(beat)}** times as long"),
        ("the same", "µs CPU, median beat", item("features", "p50_us"), "goal: 99 % under 100"),
        ("the same", "µs CPU, 99 % of beats", item("features", "p99_us"), "goal: under 100"),
        (f"24 h, {count} beats, every figure after each", "s CPU", spread(seconds), f"NeuroKit2, the day once, as one series: **{spread(day)}** times as long"),
        ("one step of a session: fence, figures, belief, guard, decision, digest of the whole state", "µs CPU", spread(each("steps")), f"predecessor, ingest and control: {PREDECESSOR['ingest and control']} µs, without figures or a digest"),
        ("the same", "µs CPU, 99 % of beats", item("steps", "p99_us"), ""),
        ("ticks without a beat, with the digest", "a second", spread(rate), f"predecessor: {1e6 / PREDECESSOR['ticks']:.2g} a second, without a digest"),
        (f"24 h of sessions recomputed from {events} events, each decision and digest compared", "s CPU", spread(replay_s), "goal: under 5 s"),
        ("the same", "events a second", spread(steps_rate), f"predecessor: {1e6 / PREDECESSOR['replay']:.2g} a second, which copies recorded outputs and recomputes none"),
    ]
    table = ["| what | unit | ours, median (range) | beside |", "|---|---|---|---|"] + [f"| {' | '.join(row)} |" for row in rows]
    versions = f"NeuroKit2 {neurokit2.__version__}, NumPy {numpy.__version__}, Python {platform.python_version()}; {PAIRS} pairs behind every row."
    text = open(page).read()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    results = "\n".join(table) + f"\n\n{versions}"
    open(page, "w").write(f"{head}{BEGIN}\n\n{results}\n\n{END}{tail}")
    print(results)


if __name__ == "__main__":
    main()
