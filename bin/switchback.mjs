#!/usr/bin/env node
// The terminal command. A packed tarball holds lib/ compiled; a checkout compiles it when it is not there yet.
import {existsSync} from 'node:fs';
import module from 'node:module';
import {fileURLToPath} from 'node:url';

const entry = new URL('../lib/src/cli/start.js', import.meta.url);
if (!existsSync(fileURLToPath(entry))) {
  const {compile} = await import('../scripts/compile.mjs');
  compile();
}
module.enableCompileCache?.();
const {start} = await import(entry.href);
process.exitCode = await start(process.argv.slice(2));
