"""The local page of ``pkn view``: images before and after, computed part by part, what is on the screen first."""
