"""The lesions of a result while a review changes them. What nobody touches is handed through as it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from calcscan.knowledge.left_out import LeftOutReason
from calcscan.knowledge.stage_settings import StageSettings
from calcscan.localisation import locate_lesions
from calcscan.localisation.nearest_site import with_nearest_site
from calcscan.model import LeftOut, Lesion, LesionMap, LocatedLesion, LocatedLesionMap, Result, ReviewDecision, Scan


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """A label map and its lesions by number, in their order; `unplaced` are those whose site is still to be found,
    `touched` the deposits that are no longer what the program measured."""

    result: Result
    before: LocatedLesionMap
    scan: Scan
    settings: StageSettings
    labels: npt.NDArray[np.int32]
    lesions: dict[int, LocatedLesion]
    left_out: list[LeftOut]
    next_number: int
    next_deposit: int
    unplaced: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    decisions: list[ReviewDecision] = field(default_factory=list)

    @classmethod
    def of(cls, result: Result, before: LocatedLesionMap, settings: StageSettings) -> Draft:
        """The lesions `before` a review of `result`."""
        numbers = [lesion.id for lesion in before.lesions]
        named = [one.lesion for review in result.reviews for one in review.decisions]
        return cls(
            result=result,
            before=before,
            scan=result.scan if result.searched is None else result.searched,
            settings=settings,
            labels=before.labels.copy(),
            lesions={lesion.id: lesion for lesion in before.lesions},
            left_out=list(before.left_out),
            next_number=max([*numbers, *named], default=0) + 1,
            next_deposit=max((lesion.deposit for lesion in before.lesions), default=0) + 1,
        )

    def number(self) -> int:
        """A number that no lesion has had."""
        self.next_number += 1
        return self.next_number - 1

    def deposit(self) -> int:
        """The number of a new deposit."""
        self.next_deposit += 1
        return self.next_deposit - 1

    def reject(self, number: int) -> None:
        """A lesion becomes something that was found and is not calcification."""
        kji = self.before.voxels_kji(number)
        item = replace(LeftOut.of(self.scan, kji, LeftOutReason.REJECTED_BY_READER), lesion=number)
        result = self.result
        if result.intracranial is not None and result.registration is not None:
            item = with_nearest_site(
                item, self.scan, result.intracranial, result.registration, result.atlas, self.settings.localisation
            )
        self.left_out.append(item)
        self.touched.add(self.lesions.pop(number).deposit)

    def finished(self) -> LocatedLesionMap:
        """The lesions as the review leaves them, each with a site where one can be given."""
        self._place()
        self.labels.flags.writeable = False
        lesions = tuple(self.lesions.values())
        at = {(lesion.deposit, lesion.site, lesion.side) for lesion in lesions}
        pairs = tuple(
            pair
            for pair in self.before.pairs
            if pair.deposit not in self.touched and all((pair.deposit, *place) in at for place in pair.sites)
        )
        return replace(self.before, labels=self.labels, lesions=lesions, left_out=tuple(self.left_out), pairs=pairs)

    def _place(self) -> None:
        """Sites for what has none yet, by the same means as in a run: among all lesions, none left out or divided."""
        result = self.result
        if not self.unplaced or result.intracranial is None or result.registration is None:
            return
        lesions = list(self.lesions.values())
        order = np.zeros(max(self.lesions) + 1, dtype=np.int32)
        order[[lesion.id for lesion in lesions]] = np.arange(1, len(lesions) + 1)
        located = locate_lesions(
            LesionMap(
                labels=order[self.labels],
                geometry=self.before.geometry,
                lesions=tuple(_plain(lesion, number) for number, lesion in enumerate(lesions, start=1)),
                threshold_hu=self.before.threshold_hu,
                settings=self.before.settings,
            ),
            self.scan,
            result.intracranial,
            result.registration,
            result.atlas,
            keep_all=True,
            keep_whole=True,
            settings=self.settings.localisation,
            intracranial=self.settings.intracranial,
            air=self.settings.air_contact,
            thresholds=self.settings.thresholds,
            arteries=self.settings.arteries,
        )
        for lesion, found in zip(lesions, located.lesions, strict=True):
            if lesion.id in self.unplaced:
                self.lesions[lesion.id] = replace(
                    lesion, site=found.site, side=found.side, site_share=found.site_share, also=found.also
                )


def _plain(lesion: Lesion, number: int) -> Lesion:
    """What was measured of a lesion, by another number."""
    return Lesion(**{name: getattr(lesion, name) for name in Lesion.__dataclass_fields__} | {"id": number})
