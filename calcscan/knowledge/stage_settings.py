"""The settings of every stage."""

from __future__ import annotations

from dataclasses import dataclass

from calcscan.knowledge.air_contact import AirContactSettings
from calcscan.knowledge.arteries import ArterySettings
from calcscan.knowledge.blur import BlurSettings
from calcscan.knowledge.bone_contact import BoneContactSettings
from calcscan.knowledge.burden import BurdenSettings
from calcscan.knowledge.foreign_body import ForeignBodySettings
from calcscan.knowledge.inspection import InspectionSettings
from calcscan.knowledge.intracranial import IntracranialSettings
from calcscan.knowledge.localisation import LocalisationSettings
from calcscan.knowledge.reading import ReadingSettings
from calcscan.knowledge.registration import RegistrationSettings
from calcscan.knowledge.settings import load
from calcscan.knowledge.thresholds import ThresholdSettings
from calcscan.knowledge.volume import VolumeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """The settings of every stage, read and checked before the work begins, and handed down."""

    reading: ReadingSettings
    intracranial: IntracranialSettings
    blur: BlurSettings
    registration: RegistrationSettings
    bone_contact: BoneContactSettings
    air_contact: AirContactSettings
    inspection: InspectionSettings
    thresholds: ThresholdSettings
    volume: VolumeSettings
    foreign_body: ForeignBodySettings
    localisation: LocalisationSettings
    arteries: ArterySettings
    burden: BurdenSettings

    @classmethod
    def load(cls) -> StageSettings:
        """Those of `calcscan/knowledge`. Raises `KnowledgeError`."""
        return cls(
            reading=load(ReadingSettings),
            intracranial=load(IntracranialSettings),
            blur=load(BlurSettings),
            registration=load(RegistrationSettings),
            bone_contact=load(BoneContactSettings),
            air_contact=load(AirContactSettings),
            inspection=load(InspectionSettings),
            thresholds=load(ThresholdSettings),
            volume=load(VolumeSettings),
            foreign_body=load(ForeignBodySettings),
            localisation=load(LocalisationSettings),
            arteries=load(ArterySettings),
            burden=load(BurdenSettings),
        )
