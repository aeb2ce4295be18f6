"""Motion between the frames of a video: found by block matching, and followed by resampling."""
