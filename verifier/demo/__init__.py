"""The demo: a small bank around the service. Do not use this code in a real bank."""
