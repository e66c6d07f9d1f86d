"""Arrays in, arrays out: windowing, denoising, contrast, geometry, augmentation, phantoms."""
