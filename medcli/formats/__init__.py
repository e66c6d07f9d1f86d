"""Other people's files, read only: DICOM, NIfTI, raster images, tables."""
