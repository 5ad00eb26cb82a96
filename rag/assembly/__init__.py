"""Assembly: the only room that names the concrete parts and takes ``Settings``."""
