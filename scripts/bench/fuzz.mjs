// npm run bench -- fuzz [--cases N] [--seed S]: the table of test/unit/hostile-parsers.ts, many times. It prints the
// number of cases, the slowest one and the seed; a crash, harm or a case over a second ends it with 1.
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {parseArgs} from 'node:util';
import {transformSync} from '@swc/core';
import fc from 'fast-check';
import {root} from '../node24.mjs';

const limitMs = 1_000;
const {values} = parseArgs({options: {cases: {type: 'string', default: '110000'}, seed: {type: 'string'}}});
const wanted = Number(values.cases);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isSafeInteger(wanted) || wanted < 1 || !Number.isSafeInteger(seed)) {
  console.error('Usage: npm run bench -- fuzz [--cases N] [--seed S], both whole numbers');
  process.exit(2);
}
process.removeAllListeners('warning');
process.on('warning', () => {}); // yaml warns of keys that are collections, once for each of thousands
const {targets, runCase} = await table();
const perTarget = Math.ceil(wanted / targets.length);
const rows = [];
let failed = false;
for (const one of targets) rows.push(await fuzz(one));
for (const {name, cases, worstMs} of rows)
  console.log(`${name.padEnd(24)} ${String(cases).padStart(7)} cases, slowest ${worstMs.toFixed(1)} ms`);
const worst = rows.reduce((a, b) => (b.worstMs > a.worstMs ? b : a));
console.log(
  `${rows.reduce((sum, row) => sum + row.cases, 0)} cases over ${rows.length} parsers in ${(performance.now() / 1_000).toFixed(0)} s, slowest ${worst.worstMs.toFixed(1)} ms (${worst.name}), seed ${seed}`,
);
process.exitCode = failed ? 1 : 0;

async function fuzz(one) {
  let worstMs = 0;
  let cases = 0;
  const {
    failed: broken,
    counterexample,
    errorInstance,
    error,
  } = await fc.check(
    fc.asyncProperty(one.input, async (input) => {
      const startedMs = performance.now();
      await runCase(one, input);
      const tookMs = performance.now() - startedMs;
      cases++;
      worstMs = Math.max(worstMs, tookMs);
      if (tookMs > limitMs) throw new Error(`broken: took ${tookMs.toFixed(0)} ms`);
    }),
    {seed, numRuns: perTarget},
  );
  if (broken) {
    failed = true;
    console.error(
      `${one.name}: ${errorInstance?.stack ?? error}\nwith ${JSON.stringify(counterexample)?.slice(0, 2_000)}`,
    );
  }
  return {name: one.name, cases, worstMs};
}

/** The tests' own table, read from its source so that there is one and not two. */
async function table() {
  const source = readFileSync(join(root, 'test', 'unit', 'hostile-parsers.ts'), 'utf8');
  const {code} = transformSync(source, {
    jsc: {target: 'es2022', parser: {syntax: 'typescript'}},
    module: {type: 'es6'},
  });
  const folder = join(root, '.cache', 'fuzz');
  mkdirSync(folder, {recursive: true});
  const file = join(folder, `table-${process.pid}.mjs`);
  writeFileSync(file, code.replaceAll('../../src/', '../../lib/src/'));
  try {
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(file, {force: true});
  }
}
