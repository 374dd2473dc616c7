// npm test: compiles, runs all tests and closes with the counts of jest's own report.
import {spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {compile} from './compile.mjs';
import {node24, root} from './node24.mjs';

const report = join(root, 'reports', 'jest.json');
mkdirSync(join(root, 'reports'), {recursive: true});
rmSync(report, {force: true});
compile();
const run = spawnSync(
  node24() ?? process.execPath,
  ['scripts/jest.mjs', '--json', `--outputFile=${report}`, '--maxWorkers=2', ...process.argv.slice(2)],
  {cwd: root, stdio: ['ignore', 'inherit', 'inherit']},
);
const {numPassedTests, numFailedTests, numPendingTests, testResults} = JSON.parse(readFileSync(report, 'utf8'));
// A file that could not even load has no tests to count, so it counts as one failure.
const broken = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
console.log(
  `${numPassedTests} passed, ${numFailedTests + broken} failed${numPendingTests ? `, ${numPendingTests} skipped` : ''}`,
);
process.exit(run.status === 0 && numPassedTests > 0 ? 0 : 1);
