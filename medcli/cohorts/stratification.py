"""Which part each unit goes to, so that images, units and labels come near the asked shares."""

from __future__ import annotations

import numpy as np

_MAX_IMPROVEMENTS = 400
_NUM_SWAP_CANDIDATES = 128
_LEAST_GAIN = 1e-9
# Outweighs any distance from the shares: a part without a label that it could have is worse than all of them.
_PRESENCE = 1e6


def assign_units(contents: np.ndarray, shares: np.ndarray, *, num_labels: int) -> np.ndarray:
    """Part of each unit, int [units].

    First iterative stratification, rarest label first, adapted to units that hold many images; then moves and
    swaps of units while they bring the shares nearer. A label that at least as many units hold as there are
    parts gets into each part. Among equally good choices the earlier unit wins: shuffle before.

    Args:
        contents: int [units, columns]; first `num_labels` columns of labels, then images, units.
        shares: Of each part, summing to 1; a part with share 0 stays empty.
        num_labels: How many columns are labels.

    Reference: Sechidis, Tsoumakas, Vlahavas, On the Stratification of Multi-Label Data, ECML PKDD 2011,
    section 4.
    """
    active = np.flatnonzero(shares > 0)
    parts = _iterative(contents, shares[active], num_labels=num_labels)
    parts = _fill_empty(contents, parts, num_parts=len(active))
    parts = _improve(contents, shares[active], parts, num_labels=num_labels)
    return active[parts]


def _iterative(contents: np.ndarray, shares: np.ndarray, *, num_labels: int) -> np.ndarray:
    """Label by label, rarest first, and big units first: each goes where the cost grows least."""
    parts = np.full(len(contents), -1, dtype=np.int64)
    scaled = _scaled(contents, num_labels=num_labels)
    excess = -shares[:, None] * scaled.sum(axis=0)
    size = contents.shape[1] - 2
    holders = (contents[:, :num_labels] > 0).sum(axis=0)
    for label in [*np.argsort(holders, kind="stable"), size]:
        holds = contents[:, label] > 0
        lacking = set(range(len(shares))) - set(parts[holds].tolist())
        waiting = np.flatnonzero((parts < 0) & holds)
        # Big ones first: the small ones that follow even out what they leave.
        waiting = waiting[np.lexsort((-contents[waiting, size], -contents[waiting, label]))]
        for left, unit in zip(range(len(waiting), 0, -1), waiting, strict=True):
            growth = (scaled[unit] * (2 * excess + scaled[unit])).sum(axis=1) / shares
            order = np.argsort(growth.round(12), kind="stable")
            part = int(
                next((p for p in order if p in lacking), order[0]) if left <= len(lacking) else order[0]
            )
            parts[unit] = part
            excess[part] += scaled[unit]
            lacking.discard(part)
    return parts


def _scaled(contents: np.ndarray, *, num_labels: int) -> np.ndarray:
    """Columns scaled to a total of 1 and weighted: images weigh as much as all labels together."""
    weights = np.ones(contents.shape[1])
    weights[-2] = max(num_labels, 1)
    return contents / np.maximum(contents.sum(axis=0), 1) * np.sqrt(weights)


def _fill_empty(contents: np.ndarray, parts: np.ndarray, *, num_parts: int) -> np.ndarray:
    """Give every part at least one unit: the smallest of the part that has most."""
    counts = np.bincount(parts, minlength=num_parts)
    for part in np.flatnonzero(counts == 0):
        donors = np.flatnonzero(parts == np.argmax(np.bincount(parts, minlength=num_parts)))
        parts[donors[np.argmin(contents[donors, -2])]] = part
    return parts


def _improve(contents: np.ndarray, shares: np.ndarray, parts: np.ndarray, *, num_labels: int) -> np.ndarray:
    """Best move, else best swap, again and again while the cost falls."""
    landscape = _Landscape(contents, shares, parts, num_labels=num_labels)
    for _ in range(_MAX_IMPROVEMENTS):
        if not (landscape.make_best_move() or landscape.make_best_swap()):
            break
    return landscape.parts


class _Landscape:
    """Cost of an assignment and how moves change it.

    The cost is the sum over parts p and columns c of weight_c (held_pc - desired_pc)^2 / share_p, with
    columns scaled to a total of 1, and `_PRESENCE` for every label that a part lacks but could have.
    """

    def __init__(
        self, contents: np.ndarray, shares: np.ndarray, parts: np.ndarray, *, num_labels: int
    ) -> None:
        self.parts = parts.copy()
        self._shares = shares
        self._scaled = _scaled(contents, num_labels=num_labels)
        self._squares = (self._scaled**2).sum(axis=1)
        self._has = contents > 0
        # Units count as a label that every part must have.
        self._is_required = self._has.sum(axis=0) >= len(shares)
        members = [self.parts == part for part in range(len(shares))]
        self._excess = np.stack([self._scaled[m].sum(axis=0) for m in members])
        self._excess -= shares[:, None] * self._scaled.sum(axis=0)
        self._holders = np.stack([self._has[m].sum(axis=0) for m in members])

    def _pairs(self) -> list[tuple[int, int]]:
        count = len(self._shares)
        return [(p, q) for p in range(count) for q in range(count) if p != q]

    def _changes(self, units: np.ndarray, source: int, target: int) -> np.ndarray:
        """Change of the cost when each of `units` moves from `source` to `target`."""
        slope = 2 * (
            self._excess[target] / self._shares[target] - self._excess[source] / self._shares[source]
        )
        curve = 1 / self._shares[source] + 1 / self._shares[target]
        change = (self._scaled[units] * slope).sum(axis=1) + curve * self._squares[units]
        return change + _PRESENCE * self._presence(units, source, target)

    def _presence(self, units: np.ndarray, source: int, target: int) -> np.ndarray:
        last = self._is_required & (self._holders[source] == 1)
        first = self._is_required & (self._holders[target] == 0)
        return self._has[units] @ last.astype(np.int64) - self._has[units] @ first.astype(np.int64)

    def make_best_move(self) -> bool:
        """Move the unit that lowers the cost most; whether there was one."""
        best, choice = -_LEAST_GAIN, None
        for source, target in self._pairs():
            units = np.flatnonzero(self.parts == source)
            if len(units) < 2:
                continue
            changes = self._changes(units, source, target).round(12)
            i = int(np.argmin(changes))
            if changes[i] < best:
                best, choice = changes[i], (int(units[i]), target)
        if choice is None:
            return False
        self._move(*choice)
        return True

    def make_best_swap(self) -> bool:
        """Exchange the two units, among promising ones, that lower the cost most; whether there were any."""
        best, choice = -_LEAST_GAIN, None
        for source, target in [(p, q) for p, q in self._pairs() if p < q]:
            ours, our_changes = self._promising(source, target)
            theirs, their_changes = self._promising(target, source)
            curve = 1 / self._shares[source] + 1 / self._shares[target]
            products = self._scaled[ours][:, None] * self._scaled[theirs][None]
            changes = our_changes[:, None] + their_changes[None] - 2 * curve * products.sum(axis=2)
            changes = changes.round(12)
            i, j = np.unravel_index(int(np.argmin(changes)), changes.shape)
            if changes[i, j] < best:
                best, choice = changes[i, j], (int(ours[i]), target, int(theirs[j]), source)
        if choice is None:
            return False
        self._move(*choice[:2])
        self._move(*choice[2:])
        return True

    def _promising(self, source: int, target: int) -> tuple[np.ndarray, np.ndarray]:
        units = np.flatnonzero(self.parts == source)
        changes = self._changes(units, source, target).round(12)
        order = np.argsort(changes, kind="stable")[:_NUM_SWAP_CANDIDATES]
        return units[order], changes[order]

    def _move(self, unit: int, target: int) -> None:
        source = self.parts[unit]
        self.parts[unit] = target
        for part, sign in ((source, -1), (target, 1)):
            self._excess[part] += sign * self._scaled[unit]
            self._holders[part] += sign * self._has[unit]
