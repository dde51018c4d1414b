"""What a demonstration needs beside the service; nothing here belongs in a bank."""
