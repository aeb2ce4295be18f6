"""Networks that write the filters' maps, and the bridge from torch to the filters."""

from pkn.nets._bridge import apply_filter
from pkn.nets._map_net import MapNet
from pkn.nets._noise import estimate_sigma
from pkn.nets._weights import load_net, read_header

__all__ = ["MapNet", "apply_filter", "estimate_sigma", "load_net", "read_header"]
