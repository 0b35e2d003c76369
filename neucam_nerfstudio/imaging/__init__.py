"""Every file format, in and out, as numpy arrays. No other folder opens a picture or video file.

In the order to read them:

- `file_writing`: files written whole or not at all, and the errors that all writers share
- `large_pictures`: work in strips of rows, size limits of formats, Pillow without its limit
- `colour_profiles`: primaries, and the ICC profiles that name them
- `raw_files`: camera RAW, developed to linear light
- `exif`: camera settings (shutter time, aperture, ISO, focus distance)
- `photograph_metadata`: colour profile and EXIF of a photograph, kept for pictures made from it
- `tiff_files`: TIFF, unusual kinds read, all kinds written
- `photographs`: photographs read (PNG, JPEG, TIFF, RAW), and which files of a folder they are
- `image_files`: display pictures written (PNG, JPEG, TIFF)
- `radiance_files`: linear radiance (OpenEXR, Radiance HDR, 16-bit TIFF)
- `hdr_display_files`: pictures for bright displays (Ultra HDR, PQ in PNG and AVIF)
- `video_reading`, `video_writing`: videos, frame by frame
- `array_files`: frames in a `.npy` file
"""
