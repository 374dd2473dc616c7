// npm run bench -- canary [--scenario NAMES]: plays every scenario of the rehearsal and looks for every secret, in every
// shape, in all that the runs say, hand over, write, send and start, before anything is masked. Exit 1 on any find.
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {root} from '../node24.mjs';

const options = process.argv.slice(2);
const scenarios = options.includes('--scenario') ? [] : ['--scenario', 'all'];
const main = join(root, 'lib/src/rehearsal/main.js');
process.exit(
  spawnSync(process.execPath, [main, '--canary', ...scenarios, ...options], {cwd: root, stdio: 'inherit'}).status ?? 1,
);
