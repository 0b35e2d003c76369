"""Every file format, in and out, as numpy arrays. No other folder opens a picture or video file.

Files are written whole or not at all, and missing folders are made. In the order to read them: `file_writing`,
`large_pictures`, `colour_profiles`, `raw_files`, `exif`, `photograph_metadata`, `tiff_files`, `photographs`,
`image_files`, `radiance_files`, `hdr_display_files`, `video_reading`, `video_writing`, `array_files`.
"""
