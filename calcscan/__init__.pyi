from .atlas import load_atlas as load_atlas
from .batch import run_batch as run_batch
from .bone_contact import recover_bone_contact as recover_bone_contact
from .components import lesion_table as lesion_table
from .detection import detect_lesions as detect_lesions
from .errors import CalcscanError as CalcscanError
from .grid.geometry import Geometry as Geometry
from .guideline import recommend as recommend
from .inspection import inspect_scan as inspect_scan
from .intracranial import segment_intracranial as segment_intracranial
from .localisation import locate_lesions as locate_lesions
from .material import judge_material as judge_material
from .model import Result as Result
from .model import Scan as Scan
from .own_segmentation import measure as measure
from .own_segmentation import regions as regions
from .pipeline import analyse as analyse
from .pipeline import analyse_scan as analyse_scan
from .quality import judge_quality as judge_quality
from .read import read_scan as read_scan
from .registration import register_atlas as register_atlas
from .report import write_report as write_report
from .summary import summarise_lesions as summarise_lesions
from .verification import verify_scan as verify_scan

__version__: str
