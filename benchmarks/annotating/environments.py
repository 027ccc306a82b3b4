"""The peers, each in a virtual environment of its own, made from the package index and used again when it is there."""

import json
import subprocess
import sys
from pathlib import Path

PEERS = {
    "distilabel": ("distilabel==1.5.3", "openai==3.52.0", "requests"),  # it imports requests and does not ask for it
    "curator": ("bespokelabs-curator==0.1.31",),
}

_TOLD = ("aiohttp", "bespokelabs-curator", "datasets", "distilabel", "elad-distill", "httpx2", "litellm", "openai")

_ASK = """
import importlib.metadata, json, sys
told = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}
print(json.dumps({name: told[name] for name in sys.argv[1:] if name in told}))
"""


def python_of(name: str, environments: Path) -> str:
    """The interpreter of a peer's environment, which is made where it is not there, or is of other packages."""
    folder = environments / name
    packages, kept = "\n".join(PEERS[name]), folder / "packages.txt"
    python = str(folder / "bin" / "python")
    if not kept.is_file() or kept.read_text() != packages:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[name]], check=True)
        kept.write_text(packages)
    return python


def versions(python: str) -> dict[str, str]:
    """What an environment has of the packages that matter here."""
    said = subprocess.run([python, "-c", _ASK, *_TOLD], check=True, capture_output=True, text=True).stdout
    told: dict[str, str] = json.loads(said)
    return told
