"""The files of an input: folders, archives, and what a file that is no DICOM image is."""
