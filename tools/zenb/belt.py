"""Goal G5: the breathing rate that the engine reads off the heart without a pacer, against a breathing belt: belt.py LIBRARY FOLDER.

The recording is systole's (PyPI sdist 0.3.1, GPL-3, so it is fetched and not kept here): one person, 31 min, ECG and belt at 1000 Hz.
    python3 -m pip download --no-deps --no-binary :all: systole==0.3.1 && tar xf systole-0.3.1.tar.gz
FOLDER is systole-0.3.1/src/systole/datasets. Needs NeuroKit2, which finds the R peaks and reads the belt.
"""
import os
import statistics
import sys
import warnings

import numpy

HZ = 1000
SPAN_S = 64
EVERY_S = 5


def belt_rates(signal):
    """Breaths a minute of the belt: by its peaks, by its troughs, and by the greatest bin of its spectrum; functions of (from, to) in s."""
    import neurokit2

    clean = neurokit2.rsp_clean(signal, sampling_rate=HZ)
    _, info = neurokit2.rsp_peaks(clean, sampling_rate=HZ)

    def by_marks(marks):
        def rate(start, end):
            inside = marks[(marks >= start * HZ) & (marks < end * HZ)]
            return 60 * (len(inside) - 1) / ((inside[-1] - inside[0]) / HZ) if len(inside) > 3 else None
        return rate

    def by_spectrum(start, end):
        part = clean[int(start * HZ) : int(end * HZ) : 100]
        power = numpy.abs(numpy.fft.rfft((part - part.mean()) * numpy.hanning(len(part)), 8192)) ** 2
        hertz = numpy.fft.rfftfreq(8192, 0.1)
        band = (hertz > 0.05) & (hertz < 0.6)
        return 60 * hertz[band][power[band].argmax()]

    return {"peaks": by_marks(info["RSP_Peaks"]), "troughs": by_marks(info["RSP_Troughs"]), "spectrum": by_spectrum}


def main():
    library, folder = sys.argv[1:]
    os.environ["ZENB_LIBRARY"] = library
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../crates/zenb-ffi/python"))
    import neurokit2
    import zenb

    warnings.simplefilter("ignore")
    ecg = numpy.load(f"{folder}/Task1_ECG.npy").astype(float).ravel()
    rates = belt_rates(numpy.load(f"{folder}/Task1_Respiration.npy").astype(float).ravel())
    _, found = neurokit2.ecg_peaks(neurokit2.ecg_clean(ecg, sampling_rate=HZ), sampling_rate=HZ)
    ends = found["ECG_R_Peaks"] / HZ
    opening = {
        "protocol": {"kind": {"paced": {"pace": {"milli_breaths": 6000, "inhale_permille": 400}}}, "minutes": 5},
        "inhibitions": {"loaded": {"seen_wall_ms": 0, "contexts": {}}},
        "breathed_today_ms": 0, "wall_ms": 1795000000000, "seed": 7,
    }
    errors, spreads, reasons, windows = [], [], {}, 0
    with zenb.Session(opening) as session:
        for before, end in zip(ends, ends[1:]):
            packet = {"input": "packet", "at": int(end * 1000), "rr": [round((end - before) * 1024)], "hr": None, "contact": None}
            session.step(packet)
            if end < SPAN_S + windows * EVERY_S:
                continue
            windows += 1
            belt = [rate(end - SPAN_S, end) for rate in rates.values()]
            belt = [rate for rate in belt if rate]
            spreads.append(max(belt) - min(belt))
            breath = session.view()["features"]["breath"]
            if "not_measured" in breath:
                reasons[breath["not_measured"]] = reasons.get(breath["not_measured"], 0) + 1
            else:
                errors.append(abs(breath["known"]["value"] / 1000 - statistics.median(belt)))
    print(f"{len(ends)} beats, {windows} windows of {SPAN_S} s, one every {EVERY_S} s")
    print(f"belt: {len(rates)} methods differ by {statistics.median(spreads):.2f} /min in the median, {max(spreads):.2f} at most")
    print(f"engine: not read, by reason: {reasons}")
    if errors:
        over = sum(error > 3 for error in errors)
        print(f"engine: read in {len(errors)} windows, off by {statistics.median(errors):.2f} /min in the median, {max(errors):.2f} at most, over 3 /min in {over}")


if __name__ == "__main__":
    main()
