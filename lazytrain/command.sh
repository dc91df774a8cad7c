#!/bin/sh
''':'
# Installed as `lazytrain`: shell for these lines, Python below. The Python of this environment runs it, with -P: what
# lies in the current folder, perhaps an engine.py or a lazytrain.py, is none of our modules.
here=$(readlink -f -- "$0") && here=${here%/*}
python=$here/python3
if [ ! -f "$here/../pyvenv.cfg" ]; then
  # Pythons of several versions may share this folder, or none lie in it: the version that has lazytrain.
  for package in "$here"/../lib/python3.*/*-packages/lazytrain; do
    [ -d "$package" ] && python=${package#"$here/../lib/"} && python=$here/${python%%/*}
  done
  [ -x "$python" ] || python=$(command -v "${python##*/}" || command -v python3) || {
    echo "lazytrain: ${python##*/} is not on PATH" >&2
    exit 127
  }
fi
exec "$python" -P "$0" "$@"
'''
import os
import sys

# PYTHONPATH is there for a user's own nets: until lazytrain is found, it comes last.
path = sys.path
theirs = {os.path.abspath(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
sys.path = sorted(path, key=lambda folder: folder in theirs)
from lazytrain.__main__ import main

sys.path = path
sys.exit(main())
