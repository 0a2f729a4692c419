"""`python3 requirements.py [EXTRA]`: what pip shall install, as pyproject.toml says it."""

import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
wanted = project["optional-dependencies"][sys.argv[1]] if sys.argv[1:] else project["dependencies"]
sys.stdout.write("\n".join(wanted) + "\n")
