"""The files of an input: folders, archives, and what a file that is not a DICOM image is."""
