import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """Digest of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
