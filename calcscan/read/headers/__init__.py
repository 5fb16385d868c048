"""DICOM headers → one record per slice, and what they say of person, study, contrast and acquisition."""
