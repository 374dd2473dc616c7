import {setFlagsFromString} from 'node:v8';

let held = false;

/**
 * Keeps V8's space for young objects at the size it has. It doubles whenever enough objects have lived through its
 * collections, which in a stream of gigabytes is only a matter of time, although a stream holds hardly more at its end
 * than at its beginning: the process would grow with the database. The factor is read anew at each growth, so setting it
 * in a running process holds from then on; nothing is moved or freed by it.
 */
export function holdYoungHeap(): void {
  if (held) return;
  held = true;
  setFlagsFromString('--semi-space-growth-factor=1');
}
