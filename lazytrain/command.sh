#!/bin/sh
''':'
# Installed as `lazytrain`: shell for these lines, Python below. The Python of this environment runs it, with -P: what
# lies in the current folder, perhaps an engine.py or a lazytrain.py, is none of our modules.
here=$(readlink -f -- "$0") && here=${here%/*}
[ -x "$here/python3" ] && python=$here/python3 || python=python3
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
