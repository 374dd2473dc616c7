// npm test: compiles, runs all tests and closes with the counts of jest's own report. A file that failed beside others
// is run once more alone, since two cores are easily too busy for a test that drives real servers; both runs are shown,
// and the second one counts.
import {spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {compile} from './compile.mjs';
import {node24, root} from './node24.mjs';

const node = node24() ?? process.execPath;
mkdirSync(join(root, 'reports'), {recursive: true});
compile();
const first = run('jest.json', ['--maxWorkers=2', ...process.argv.slice(2)]);
const failed = first.testResults.filter((file) => file.status === 'failed').map((file) => file.name);
if (failed.length) console.log(`\nOnce more, each alone: ${failed.map((file) => file.slice(root.length)).join(', ')}`);
const again = failed.length ? run('jest-again.json', ['--runInBand', '--runTestsByPath', ...failed]) : undefined;
const files = [...first.testResults.filter((file) => !failed.includes(file.name)), ...(again?.testResults ?? [])];
const tests = files.flatMap((file) => file.assertionResults);
const count = (status) => tests.filter((test) => test.status === status).length;
// A file that could not even load has no tests to count, so it counts as one failure.
const broken = files.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
const [passed, failures, skipped] = [count('passed'), count('failed') + broken, count('pending')];
console.log(`${passed} passed, ${failures} failed${skipped ? `, ${skipped} skipped` : ''}`);
process.exit(failures === 0 && passed > 0 && files.every((file) => file.status === 'passed') ? 0 : 1);

function run(name, args) {
  const report = join(root, 'reports', name);
  rmSync(report, {force: true});
  spawnSync(node, ['scripts/jest.mjs', '--json', `--outputFile=${report}`, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return JSON.parse(readFileSync(report, 'utf8'));
}
