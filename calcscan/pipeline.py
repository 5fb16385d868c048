"""The whole job: the stages in order."""

from __future__ import annotations
