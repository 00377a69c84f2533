"""Largest deviations between the numbers as they are stored and a second route, by what was compared."""


class Verification:
    def __init__(self) -> None:
        self.deviations: dict[str, float] = {}

    def record(self, what: str, deviation: float, bound: float) -> None:
        """Keeps the largest deviation under each name. A second route that disagrees is an error, not a note."""
        if not deviation <= bound:
            raise AssertionError(f"{what}: the two routes differ by {deviation:.3g}, more than {bound:.3g}")
        self.deviations[what] = max(self.deviations.get(what, 0.0), float(f"{deviation:.3g}"))
