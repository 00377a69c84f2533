"""Largest deviations between the stored numbers and a second computation, by what was compared."""


class Verification:
    def __init__(self) -> None:
        self.deviations: dict[str, float] = {}

    def record(self, what: str, deviation: float, bound: float) -> None:
        """Records the largest deviation under each name. Raises an error if it exceeds its bound."""
        if not deviation <= bound:
            raise AssertionError(f"{what}: the two computations differ by {deviation:.3g}, more than {bound:.3g}")
        self.deviations[what] = max(self.deviations.get(what, 0.0), float(f"{deviation:.3g}"))
