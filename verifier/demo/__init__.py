"""The demo: a small bank around the service. Nothing here belongs in a real bank."""
