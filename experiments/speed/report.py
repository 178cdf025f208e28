"""The benchmark's results as Markdown."""

from typing import Any

from experiments.console.markdown import table


def _ms(times: dict[str, Any]) -> str:
    return f"{times['median'] * 1e3:.1f} ({times['least'] * 1e3:.1f})"


def _rate(batch: int, times: dict[str, Any] | None) -> str:
    return f"{batch / times['median']:.1f}" if times else ""


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row["times"]))


def _latency(rows: list[dict[str, Any]]) -> str:
    ours, *peers = _names(rows)
    heads = ["picture", "from", f"{ours}, ms"]
    heads += [f"{name}, {what}" for name in peers for what in ("times as long", "ms")]
    heads.append("faces")
    told = any(times.get("windows") for row in rows for times in row["times"].values())
    heads += ["windows after P, R"] if told else []
    lines = []
    for row in rows:
        times = row["times"]
        line = [row["picture"], f"{row['min_face_size']:g} px", _ms(times[ours])]
        for name in peers:
            there = name in times
            line += [f"{times[name]['over_ours']:.2f}", _ms(times[name])] if there else ["", ""]
        faces = [str(times[name]["faces"]) if name in times else "-" for name in (ours, *peers)]
        line.append(" / ".join(faces))
        windows = [times[name].get("windows") for name in (ours, *peers) if name in times]
        if told:
            line.append(" / ".join("{}, {}".format(*pair) if pair else "-" for pair in windows))
        lines.append(line)
    return table(heads, lines)


def _throughput(rows: list[dict[str, Any]]) -> str:
    names = _names(rows)
    heads = ["batch", *(f"{name}, pictures/s" for name in names), "sizes that differ, pictures/s"]
    return table(
        heads,
        [
            [
                str(row["batch"]),
                *(_rate(row["batch"], row["times"].get(name)) for name in names),
                _rate(row["batch"], row["mixed"]),
            ]
            for row in rows
        ],
    )


def _stages(stages: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, stage in stages.items():
        floor = stage["floor"]
        told = ("", "")
        if floor:
            told = (f"{floor * 1e3:.2f}", f"{stage['least'] / floor:.1f}")
        lines.append([name, str(stage["windows"] or ""), _ms(stage), *told])
    return table(["stage", "windows", "ms", "floor, ms", "least over floor"], lines)


def _growth(found: dict[str, list[dict[str, Any]]]) -> str:
    return "\n\n".join(
        table([name, "ms"], [[str(row[name]), _ms(row)] for row in rows])
        for name, rows in found.items()
    )


def _training(found: dict[str, dict[str, Any]]) -> str:
    lines = [
        [stage, str(step["batch"]), _ms(step), f"{step['batch'] / step['median']:,.0f}"]
        for stage, step in found.items()
    ]
    return table(["network", "batch", "step, ms", "samples/s"], lines)


def _startup(found: dict[str, list[dict[str, Any]]]) -> str:
    keys = ("imported", "first", "second", "memory")
    lines = []
    for kind, processes in found.items():
        least = {key: min(process[key] for process in processes) for key in keys}
        lines.append(
            [
                kind,
                *(f"{least[key]:.2f}" for key in keys[:3]),
                f"{least['memory'] / 1e6:.0f}",
            ]
        )
    heads = ["compilation cache", "import, s", "first call, s", "second call, s", "peak memory, MB"]
    return table(heads, lines)


_SECTIONS = {
    "latency": ("One picture", _latency),
    "throughput": ("Batches", _throughput),
    "growth": ("How time grows", _growth),
    "training": ("Training", _training),
    "startup": ("A fresh process (least of all)", _startup),
}


def markdown(results: dict[str, Any]) -> str:
    """The whole report; milliseconds are medians, with the least in brackets."""
    told = ", ".join(f"{name} {value}" for name, value in results["machine"].items())
    parts = [f"Median (least) of {results['runs']} rounds in turns, on: {told}.\n"]
    for name, (title, form) in _SECTIONS.items():
        if name in results:
            parts.append(f"## {title}\n\n{form(results[name])}\n")
    for picture, stages in results.get("stages", {}).items():
        parts.append(f"## Stages: {picture}\n\n{_stages(stages)}\n")
    parts += [f"Left out: {word}\n" for word in results.get("left_out", [])]
    return "\n".join(parts)
