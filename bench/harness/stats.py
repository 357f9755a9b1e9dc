"""Medians and spread over rounds."""
import math
import statistics


def median(values):
    values = [value for value in values if value is not None and not math.isnan(value)]
    return statistics.median(values) if values else None


def spread(values):
    """How far the least and the most are apart, as a share of the median; None of one value."""
    values = [value for value in values if value is not None and not math.isnan(value)]
    middle = median(values)
    if len(values) < 2 or not middle:
        return None
    return (max(values) - min(values)) / middle


def dig(result, path):
    """result["a"]["b"] for "a/b"; None where there is none."""
    for part in path.split("/"):
        if not isinstance(result, dict) or part not in result:
            return None
        result = result[part]
    return result


class Results:
    """The runs of a result file, by name."""

    def __init__(self, document):
        self.document = document
        self.by_name = {}
        for run in document["runs"]:
            self.by_name.setdefault(run["name"], []).append(run)

    def values(self, name, path):
        return [dig(run["result"], path) for run in self.by_name.get(name, [])]

    def median(self, name, path):
        return median(self.values(name, path))

    def spread(self, name, path):
        return spread(self.values(name, path))

    def points(self, name, path):
        """(number, median) of a result that has numbers for names, from the least."""
        numbers = {int(at) for run in self.by_name.get(name, []) for at in run["result"]
                   if at.isdigit()}
        return [(number, self.median(name, f"{number}/{path}")) for number in sorted(numbers)]

    def tags(self, name):
        """How many rounds were near, far, or changed in between."""
        counts = {}
        for run in self.by_name.get(name, []):
            counts[run["distance"]] = counts.get(run["distance"], 0) + 1
        return counts

    def stages(self, name):
        """{stage: median of the cycles a request at capacity} of an engine's runs."""
        columns = {}
        for run in self.by_name.get(name, []):
            for stage, cycles in (dig(run["result"], "capacity/stages") or {}).items():
                columns.setdefault(stage, []).append(cycles)
        return {stage: median(values) for stage, values in columns.items()}

    def ratio(self, above, below):
        """The median over rounds of a ratio of two (name, path): like is compared with like."""
        upper = {run["round"]: dig(run["result"], above[1])
                 for run in self.by_name.get(above[0], [])}
        lower = {run["round"]: dig(run["result"], below[1])
                 for run in self.by_name.get(below[0], [])}
        ratios = [upper[turn] / lower[turn] for turn in upper
                  if upper[turn] and lower.get(turn)]
        return median(ratios), spread(ratios)
