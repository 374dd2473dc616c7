// Runs jest in ESM mode; arguments are passed on. Kept apart from test.mjs, which also prepares what a full run needs.
import {spawnSync} from 'node:child_process';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';

const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin/jest.js');
const run = spawnSync(
  process.execPath,
  ['--experimental-vm-modules', '--no-warnings', jest, ...process.argv.slice(2)],
  {stdio: 'inherit'},
);
process.exit(run.status ?? 1);
