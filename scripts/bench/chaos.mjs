// npm run bench -- chaos [--cases N] [--seed S] [--worlds W] [--minutes M] [--step NAME,NAME]: kills the acting process around the
// requests of whole releases, rollbacks and maintenance windows, W at the same time, lets one ordinary next run follow, and checks
// from outside what is left. Exit 1 on a violation.
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {openGitHubStore} from '../../lib/src/ledger/github-store.js';
import {walkKills} from '../../lib/src/rehearsal/chaos/kill-walk.js';
import {names, secrets} from '../../lib/src/rehearsal/world.js';
import {openGitHub} from '../../lib/src/runner/github.js';

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const seed = option('seed', 1);
const cases = option('cases', 300);
const stop = new AbortController();
process.on('SIGINT', () => stop.abort());
process.on('SIGTERM', () => stop.abort());
const minutes = option('minutes', 0);
if (minutes) setTimeout(() => stop.abort(), minutes * 60_000).unref();

async function readLedger(url) {
  const access = await openGitHub(secrets.githubToken, {
    GITHUB_REPOSITORY: `${names.owner}/${names.repository}`,
    GITHUB_API_URL: url,
  });
  let releases = 0;
  for await (const record of openGitHubStore(access.request, {environment: 'production'}).list(1_000))
    releases += record.release ? 1 : 0;
  return releases;
}

let told = false;
const {results, possible} = await walkKills({
  suiteRoot: join(fileURLToPath(import.meta.url), '..', '..', '..'),
  nodePath: process.execPath,
  seed,
  cases,
  readLedger,
  worlds: option('worlds', 4),
  ...(process.argv.includes('--step') && {steps: process.argv[process.argv.indexOf('--step') + 1].split(',')}),
  signal: stop.signal,
  onResult: ({kill, reached, request, violations, ms}, done, possible) => {
    if (!told) console.log(`${possible} kills are possible, seed ${seed}`);
    told = true;
    const at = `${kill.step}, ${kill.platform} request ${kill.index + 1} (${request}), ${kill.when}`;
    console.log(
      `${violations.length ? 'VIOLATED' : reached ? 'held' : 'unreached'} ${done}/${cases} ${at}: ${(ms / 1_000).toFixed(1)} s`,
    );
    for (const violation of violations) console.log(`  ${violation.replaceAll('\n', '\n  ')}`);
  },
});
const killed = results.filter((one) => one.reached);
const violated = results.filter((one) => one.violations.length);
console.log(
  `${killed.length} kills (seed ${seed}, ${possible} possible), ${results.length - killed.length} not reached, ${violated.length} with violations`,
);
process.exit(violated.length || killed.length < cases ? 1 : 0);
