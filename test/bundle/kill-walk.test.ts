import {join, resolve} from 'node:path';
import {describe, expect, test} from '@jest/globals';
import {openGitHubStore} from '../../src/ledger/github-store.js';
import {type CaseResult, walkKills} from '../../src/rehearsal/chaos/kill-walk.js';
import {names, secrets} from '../../src/rehearsal/world.js';
import {openGitHub} from '../../src/runner/github.js';

const suiteRoot = resolve(import.meta.dirname, '..', '..');

/** A sample; `npm run bench -- chaos` walks all of them. */
const cases = Number(process.env['KILL_WALK_CASES'] ?? 10);
const seed = Number(process.env['KILL_WALK_SEED'] ?? Math.floor(Math.random() * 1e6));

describe('a release whose process is killed around one of its requests', () => {
  test(`is whole or undone after one ordinary next run (${cases} kills, seed ${seed})`, async () => {
    const walk = await walkKills({
      suiteRoot,
      nodePath: nodePath(),
      seed,
      cases,
      worlds: 2,
      readLedger,
    });
    expect(walk.results.filter((one) => one.reached).length).toBeGreaterThanOrEqual(cases);
    // How many there are depends on how often a build was asked about.
    expect(walk.possible).toBeGreaterThanOrEqual(200);
    expect(walk.results.filter((one) => one.violations.length).map(told)).toEqual([]);
  }, 1_200_000);
});

function nodePath(): string {
  return Number(process.versions.node.split('.')[0]) >= 24
    ? process.execPath
    : join(suiteRoot, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
}

const told = ({kill, request, violations}: CaseResult) =>
  `seed ${seed}: ${kill.step}, ${kill.platform} request ${kill.index + 1} (${request}), ${kill.when}: ${violations.join('; ')}`;

async function readLedger(url: string): Promise<number> {
  const access = await openGitHub(secrets.githubToken, {
    GITHUB_REPOSITORY: `${names.owner}/${names.repository}`,
    GITHUB_API_URL: url,
  });
  let releases = 0;
  for await (const record of openGitHubStore(access.request, {environment: 'production'}).list(1_000))
    releases += record.release ? 1 : 0;
  return releases;
}
