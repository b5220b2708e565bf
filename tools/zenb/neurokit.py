#!/usr/bin/env python3
"""What NeuroKit2 marks as artefacts in the recordings and phantoms of zenb: writes crates/zenb/testdata/hrv/neurokit2.json.

NeuroKit2 (MIT) implements the same paper, by other people and without bounds on its thresholds, and is no part of the tests: they read
the file. To write it again:

    python3 -m venv target/neurokit && target/neurokit/bin/pip install neurokit2==0.3.0 numpy==2.4.6 scipy==1.17.1
    target/neurokit/bin/python tools/zenb/neurokit.py
"""
import json
from importlib.metadata import version
from pathlib import Path

import neurokit2
import numpy

FOLDER = Path(__file__).resolve().parents[2] / "crates/zenb/testdata/hrv"
OUT = FOLDER / "neurokit2.json"


def marks(rr_ms):
    """Places in `rr_ms` by kind: its beats are the ends of the intervals, on a grid of 1 ms."""
    beats = numpy.concatenate([[0], numpy.cumsum(rr_ms)]).round().astype(int)
    artefacts, _ = neurokit2.signal_fixpeaks(beats, sampling_rate=1000, method="Kubios", iterative=False)
    kinds = ("ectopic", "missed", "extra", "longshort")
    return {kind: sorted({max(int(beat) - 1, 0) for beat in artefacts[kind]}) for kind in kinds}


def main():
    files = sorted(FOLDER.glob("*.json"))
    series = {file.stem: json.loads(file.read_text())["rr_ms"] for file in files if file != OUT}
    marked = {name: marks(rr_ms) for name, rr_ms in series.items()}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(kinds)}" for name, kinds in marked.items())
    head = {name: version(name) for name in ("neurokit2", "numpy", "scipy")}
    OUT.write_text('{\n "versions": ' + json.dumps(head) + ',\n "marks": {\n' + lines + "\n }\n}\n")


if __name__ == "__main__":
    main()
