"""The parser against expert MeSH codes of the Indiana University chest X-ray collection.

Reports are split by a hash of their normalised text, so that template normals cannot sit on both sides. The lexicon was
worked on with the "train" half only; the table shows the held-out half. Not every finding of a report is coded, so
precision is a lower bound.

    python benchmarks/bench_extractor.py [--half train|heldout] [--show CODE]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import radjudge
from radjudge import parse_report
from tenfold_core.datasets import resolve
from tenfold_core.logging import environment

# code name -> (MeSH heads with required modifier, entities that count as this code)
CODES: dict[str, tuple[tuple[tuple[str, str], ...], frozenset[str]]] = {
    "Opacity, airspace disease": (
        (("opacity", ""), ("airspace disease", ""), ("infiltrate", ""), ("consolidation", ""), ("density", "lung")),
        frozenset(
            "opacity airspace_opacity consolidation pneumonia interstitial_opacity nodule interstitial_lung_disease".split()
        ),
    ),
    "Cardiomegaly": ((("cardiomegaly", ""), ("cardiac shadow", "enlarged")), frozenset(["cardiomegaly"])),
    "Pulmonary atelectasis": ((("pulmonary atelectasis", ""),), frozenset(["atelectasis", "collapse", "volume_loss"])),
    "Granuloma, calcified": (
        (("calcified granuloma", ""), ("granuloma", "")),
        frozenset(["calcified_granuloma", "granuloma"]),
    ),
    "Granulomatous disease": (
        (("granulomatous disease", ""),),
        frozenset(["granulomatous_disease", "calcified_granuloma", "granuloma", "calcified_lymph_node"]),
    ),
    "Degenerative spine": (
        (
            ("thoracic vertebrae", "degenerative"),
            ("spine", "degenerative"),
            ("lumbar vertebrae", "degenerative"),
            ("spondylosis", ""),
            ("osteophyte", ""),
            ("arthritis", ""),
        ),
        frozenset(["degenerative_change", "osteophyte", "spondylosis", "arthritis", "dish"]),
    ),
    "Lung, hypoinflation": ((("lung", "hypoinflation"),), frozenset(["low_lung_volumes", "bronchovascular_crowding"])),
    "Lung, hyperdistention": (
        (("lung", "hyperdistention"), ("diaphragm", "flattened")),
        frozenset(["hyperinflation", "diaphragm_flattening", "hyperlucency"]),
    ),
    "Emphysema, COPD": (
        (("emphysema", ""), ("pulmonary emphysema", ""), ("pulmonary disease, chronic obstructive", "")),
        frozenset(["emphysema", "copd", "bulla"]),
    ),
    "Cicatrix": ((("cicatrix", ""),), frozenset(["scarring", "fibrosis"])),
    "Aorta, tortuous": (
        (("aorta", "tortuous"), ("aorta, thoracic", "tortuous")),
        frozenset(["aortic_tortuosity"]),
    ),
    "Atherosclerosis, aortic calcinosis": (
        (("atherosclerosis", ""), ("calcinosis", "aorta"), ("calcinosis", "aorta, thoracic")),
        frozenset(["aortic_calcification"]),
    ),
    "Pleural effusion": (
        (("pleural effusion", ""), ("costophrenic angle", "blunted")),
        frozenset(["pleural_effusion", "costophrenic_blunting"]),
    ),
    "Catheters, indwelling": (
        (("catheters, indwelling", ""),),
        frozenset(["central_line", "picc", "port", "dialysis_catheter", "swan_ganz"]),
    ),
    "Nodule": ((("nodule", ""),), frozenset(["nodule", "noncalcified_nodule"])),
    "Fractures, bone": (
        (("fractures, bone", ""),),
        frozenset(
            "fracture rib_fracture clavicle_fracture humerus_fracture sternal_fracture vertebral_fracture".split()
        ),
    ),
    "Scoliosis": ((("scoliosis", ""),), frozenset(["scoliosis"])),
    "Pulmonary congestion, edema": (
        (("pulmonary congestion", ""), ("pulmonary edema", ""), ("heart failure", "")),
        frozenset(["vascular_congestion", "pulmonary_edema", "heart_failure"]),
    ),
    "Hernia, hiatal": ((("hernia, hiatal", ""),), frozenset(["hiatal_hernia", "diaphragmatic_hernia"])),
    "Diaphragm, elevated": (
        (("diaphragm", "elevated"), ("diaphragmatic eventration", "")),
        frozenset(["diaphragm_elevation", "eventration"]),
    ),
    "Pneumothorax": ((("pneumothorax", ""),), frozenset(["pneumothorax", "hydropneumothorax"])),
}
_SIDES = {"left": {"left"}, "right": {"right"}, "bilateral": {"left", "right"}}


class Row(NamedTuple):
    """One report and its expert codes."""

    text: str
    mesh: str


def rows(half: str) -> Iterator[Row]:
    """Reports of one half ("train" or "heldout"), those that say something and are coded."""
    with gzip.open(resolve("iu_xray_reports") / "reports.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        for record in csv.DictReader(stream):
            text = f"{record['findings']} {record['impression']}".strip()
            key = re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()
            train = hashlib.sha256(key.encode()).digest()[0] % 2 == 0
            if text and train == (half == "train") and record["MeSH"] != "No Indexing":
                yield Row(text, record["MeSH"])


def coded(mesh: str, code: str) -> tuple[bool, set[str]]:
    """Whether a report is coded with ``code``, and the sides its codes name."""
    found, sides = False, set()
    for item in mesh.lower().split(";"):
        head, *modifiers = (part.strip() for part in item.split("/"))
        for wanted, modifier in CODES[code][0]:
            if head == wanted and (not modifier or modifier in modifiers):
                found = True
                for part in modifiers:
                    sides |= _SIDES.get(part, set())
    return found, sides


def measure(half: str, show: str = "") -> dict:
    """Counts per code and over all codes."""
    counts = {code: {"tp": 0, "fp": 0, "fn": 0, "sides": 0, "right_sides": 0} for code in CODES}
    total = 0
    for row in rows(half):
        total += 1
        present = parse_report(row.text).present
        for code, (_, entities) in CODES.items():
            truth, sides = coded(row.mesh, code)
            found = [finding for finding in present if finding.entity in entities]
            count = counts[code]
            count["tp" if truth and found else "fp" if found else "fn" if truth else "tn"] = (
                count.get("tp" if truth and found else "fp" if found else "fn" if truth else "tn", 0) + 1
            )
            predicted = {side for finding in found for side in finding.sides}
            if truth and found and sides:
                count["sides"] += 1
                count["right_sides"] += predicted == sides
                if show == f"side:{code}" and predicted != sides:
                    print("SIDE", sorted(sides), sorted(predicted), row.mesh, "|", row.text, "\n")
            if show == code and truth != bool(found):
                print("MISSED" if truth else "EXTRA", [f.entity for f in found], row.mesh, "|", row.text, "\n")
    return {"reports": total, "counts": counts}


def rates(count: dict[str, int]) -> tuple[float, float, float, float]:
    """Precision, recall, F1 and the share of coded sides that were found exactly."""
    precision = count["tp"] / max(1, count["tp"] + count["fp"])
    recall = count["tp"] / max(1, count["tp"] + count["fn"])
    f1 = 2 * count["tp"] / max(1, 2 * count["tp"] + count["fp"] + count["fn"])
    return precision, recall, f1, count["right_sides"] / max(1, count["sides"])


def main() -> None:
    """Measure, print, and write results/extractor.json when the held-out half was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("train", "heldout"), default="heldout")
    parser.add_argument("--show", default="", help="print the reports that disagree on this code (or side:CODE)")
    arguments = parser.parse_args()
    result = measure(arguments.half, arguments.show)
    counts = result["counts"]
    micro = {key: sum(count[key] for count in counts.values()) for key in ("tp", "fp", "fn", "sides", "right_sides")}
    table = []
    for name, count in [*counts.items(), ("all (micro)", micro)]:
        precision, recall, f1, side = rates(count)
        sided = f"{side:.3f} ({count['sides']})" if count["sides"] else "-"
        table.append([name, count["tp"] + count["fn"], f"{precision:.3f}", f"{recall:.3f}", f"{f1:.3f}", sided])
    width = max(len(row[0]) for row in table)
    for row in table:
        print(f"{row[0]:<{width}} {row[1]:>5} {row[2]} {row[3]} {row[4]} {row[5]}")
    if arguments.half == "heldout":
        payload = {
            "command": "python benchmarks/bench_extractor.py",
            "package": "radjudge",
            "version": radjudge.__version__,
            "environment": environment(),
            "seed": None,
            "table": {
                "columns": ["expert code", "coded reports", "precision", "recall", "F1", "side found (of)"],
                "rows": table,
                "caption": f"Findings and sides against expert MeSH codes, {result['reports']} held-out IU X-Ray reports; "
                "not every finding is coded, so precision is a lower bound.",
            },
            "micro": dict(zip(("precision", "recall", "f1", "side"), rates(micro), strict=True)),
            **result,
        }
        path = Path(__file__).parent / "results" / "extractor.json"
        path.write_text(json.dumps(payload, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
