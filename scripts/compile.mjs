// Emits JavaScript for src/ and actions/ into lib/ (types are checked by `npm run types`, not here).
import {spawnSync} from 'node:child_process';
import {rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {root} from './node24.mjs';

export function compile() {
  rmSync(join(root, 'lib'), {recursive: true, force: true});
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const run = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {cwd: root, stdio: 'inherit'});
  if (run.status !== 0) throw new Error(`tsc ended with ${run.status}`);
}

if (process.argv[1] === import.meta.filename || process.argv[1]?.endsWith('scripts/compile.mjs')) compile();
