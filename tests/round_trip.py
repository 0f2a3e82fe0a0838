"""Reads the golden caption files with the parsers of other projects: `python3 tests/round_trip.py [FOLDER]`.

Needs pysubs2, webvtt-py and srt (`pip install pysubs2 webvtt-py srt`) and ffmpeg; what is absent is skipped.
"""

import html
import importlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

GOLDEN = pathlib.Path(__file__).parent.parent / "src/captions/tests/golden"


def expected(folder):
    """Returns start, end and text of each cue, by the JSON lines."""
    lines = (folder / "talk.jsonl").read_text(encoding="utf-8").splitlines()
    cues = [entry for entry in map(json.loads, lines) if entry["type"] == "cue"]
    return [(cue["start_ms"], cue["end_ms"], plain(cue["text"])) for cue in cues]


def plain(text):
    """Returns the words of a text: without speakers, line breaks, and what a format cannot hold."""
    text = html.unescape(re.sub(r"</?v[^>]*>", "", text.replace("\u200b", "")))
    text = re.sub(r"^(Ann|Bob > Co): ", "", text)
    return re.sub(r"\s+", " ", text.replace("-->", "->").replace("\\N", " ")).strip()


def with_srt(folder):
    srt = importlib.import_module("srt")
    cues = srt.parse((folder / "talk.srt").read_text(encoding="utf-8"))
    ms = lambda time: round(time.total_seconds() * 1000)
    return [(ms(cue.start), ms(cue.end), plain(cue.content)) for cue in cues]


def with_pysubs2(extension):
    def read(folder):
        pysubs2 = importlib.import_module("pysubs2")
        cues = pysubs2.load(str(folder / f"talk.{extension}"), encoding="utf-8")
        # In SRT it reads two digits of the hours.
        lost = [0] * (len(cues) - 1) + [360_000_000 if extension == "srt" else 0]
        return [(cue.start + more, cue.end + more, plain(cue.text)) for cue, more in zip(cues, lost)]

    return read


def with_webvtt(folder):
    webvtt = importlib.import_module("webvtt")
    cues = webvtt.read(str(folder / "talk.vtt"))
    ms = lambda time: ((time.hours * 60 + time.minutes) * 60 + time.seconds) * 1000 + time.milliseconds
    return [(ms(cue.start_time), ms(cue.end_time), plain(cue.text)) for cue in cues]


def with_ffmpeg(extension):
    def read(folder):
        if not shutil.which("ffmpeg"):
            raise ModuleNotFoundError("ffmpeg")
        command = ["ffmpeg", "-v", "error", "-i", folder / f"talk.{extension}", "-f", "srt", "-"]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        time = r"(\d+):(\d\d):(\d\d),(\d{3})"
        cues = re.findall(rf"{time} --> {time}\n(.*?)\n\n", text + "\n", re.DOTALL)
        ms = lambda parts: ((int(parts[0]) * 60 + int(parts[1])) * 60 + int(parts[2])) * 1000 + int(parts[3])
        return [(ms(cue[:4]), ms(cue[4:8]), plain(cue[8])) for cue in cues]

    return read


READERS = {
    "srt": with_srt,
    "pysubs2 (SRT)": with_pysubs2("srt"),
    "pysubs2 (VTT)": with_pysubs2("vtt"),
    "webvtt-py": with_webvtt,
    "ffmpeg (SRT)": with_ffmpeg("srt"),
    "ffmpeg (VTT)": with_ffmpeg("vtt"),
}


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN
    cues = expected(folder)
    failed = False
    for name, read in READERS.items():
        try:
            found = read(folder)
        except ModuleNotFoundError as missing:
            print(f"{name}: skipped, {missing.name or missing} is absent")
            continue
        differences = [pair for pair in zip(found, cues) if pair[0] != pair[1]]
        is_same = len(found) == len(cues) and not differences
        failed |= not is_same
        print(f"{name}: {len(found)} of {len(cues)} cues, {'the same' if is_same else 'DIFFERENT'}")
        for one, other in differences:
            print(f"  {one}\n  {other}")
    sys.exit(failed)


main()
