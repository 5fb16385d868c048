"""How well two readings of the same studies agree: calcscan, or a person, with a reference."""

from calcscan.agree.assess import assess_agreement
from calcscan.agree.document import write_agreement
from calcscan.agree.model import Agreement

__all__ = ["Agreement", "assess_agreement", "write_agreement"]
