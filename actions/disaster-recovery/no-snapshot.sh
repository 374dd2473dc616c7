#!/usr/bin/env bash
# Says that nothing was kept of the live database, and why, where whoever reads the run cannot miss it.
set -euo pipefail
state=$1
outcome=$2
case "$state" in
  none) text='The product has no database, so there is none to keep.' ;;
  missing) text='The live database does not exist any more: nothing could be kept of it.' ;;
  live) text="The live database could not be read to its end (the snapshot ended as $outcome): nothing was kept of it in the store. A replaced database stays on the server under another name." ;;
  *) text='The live database cannot be reached: nothing could be kept of it.' ;;
esac
level=warning
[ "$state" = none ] && level=notice
echo "::$level title=Snapshot::$text"
printf '## Snapshot of what is left\n\n%s\n' "$text" >>"$GITHUB_STEP_SUMMARY"
