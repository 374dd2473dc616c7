// npm run rehearse: compiles, then hands over to the rehearsal on Node 24 where there is one.
import {spawn} from 'node:child_process';
import {join} from 'node:path';
import {compile} from './compile.mjs';
import {node24, root} from './node24.mjs';

compile();
const node = node24();
if (!node) {
  console.error(
    `The bundles run on Node 24, and there is none for ${process.platform}-${process.arch} in the npm registry.\nNext: install Node 24 from nodejs.org and run this again with it.`,
  );
  process.exit(2);
}
const child = spawn(node, [join(root, 'lib/src/rehearsal/main.js'), ...process.argv.slice(2)], {
  stdio: 'inherit',
  cwd: root,
});
// The terminal sends Ctrl-C to the whole group: the rehearsal stops its world in order, and this waits for it. A signal
// that was sent to this process alone is passed on.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('close', (status, signal) => process.exit(status ?? (signal === 'SIGINT' ? 130 : 1)));
