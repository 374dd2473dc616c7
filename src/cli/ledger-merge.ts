import {stat} from 'node:fs/promises';
import {resolve} from 'node:path';
import {loadConfig} from '../config/load-config.js';
import type {Config} from '../config/schema.js';
import {Failure} from '../kernel/errors.js';
import {oneLine} from '../kernel/text.js';
import {type Merged, mergeLedger} from '../ledger/merge.js';
import {openFileLedger, openGitHubLedger} from '../release/ledger-access.js';
import type {Ended, Terminal} from './action.js';
import {columns} from './plain-text.js';

/**
 * Brings what was written to a file while GitHub could not be reached into GitHub's ledger. The file stays as it is,
 * but for its pins, which hold on GitHub from then on.
 * @throws Failure USAGE without such a file, LEDGER_TOKEN without a token.
 */
export async function mergeHistory(
  fileFlag: string | undefined,
  configFile: string,
  {env, signal, console}: Terminal,
): Promise<Ended> {
  const root = env['GITHUB_WORKSPACE'] ?? process.cwd();
  const {config} = (await loadConfig(configFile, {root}))! as {config: Config};
  const file = fileFlag ?? config.ledger.file;
  if (!(await stat(resolve(root, file)).catch(() => undefined))?.isFile())
    throw new Failure('USAGE', `There is no ledger file ${file}`, {
      remedy: 'Name it: switchback history merge --from PATH.',
    });
  const token = env['GITHUB_TOKEN'];
  if (token) console.hide(token);
  const runner = {
    env,
    signal,
    annotate: ({level, message}: {level: 'notice' | 'warning' | 'error'; message: string}) =>
      console.alert(level, `${level}: ${message}`),
  };
  const merged = await mergeLedger(
    openFileLedger(file, runner),
    await openGitHubLedger(config, {'github-token': token}, runner),
    {nowMs: Date.now(), ref: env['GITHUB_SHA'] ?? 'main'},
  );
  const failure = problemOf(merged);
  return {
    outputs: {releases: JSON.stringify(merged.releases), pins: String(merged.pins.length)},
    summary: told(merged, file),
    ...(failure && {failure}),
  };
}

function told({releases, pins, leftPins}: Merged, file: string): string {
  if (releases.length === 0) return `${file} holds no release.`;
  const words = {
    added: 'added',
    completed: 'completed',
    already: 'was there already',
    conflict: 'left alone: recorded differently',
    failed: 'not added',
  } as const;
  const rows = releases.map(({release, outcome, events, why}) => [
    oneLine(release),
    words[outcome],
    String(events),
    why ? oneLine(why, 160) : '',
  ]);
  return [
    ...columns(['release', 'outcome', 'events', 'why'], rows),
    ...(pins.length
      ? ['', ...pins.map(({who, why}) => `Pinned on GitHub now: ${oneLine(`${why} (${who})`, 160)}`)]
      : []),
    ...leftPins.map(({pin, why}) => `Not pinned on GitHub: ${oneLine(`${pin.why}: ${why}`, 200)}`),
  ].join('\n');
}

function problemOf({releases, leftPins}: Merged): Failure | undefined {
  const count = (outcome: string) => releases.filter((release) => release.outcome === outcome).length;
  const [conflicts, failed] = [count('conflict'), count('failed') + leftPins.length];
  if (conflicts + failed === 0) return undefined;
  return new Failure(
    'LEDGER_MERGE',
    `${failed} entries could not be added, ${conflicts} are recorded differently on GitHub`,
    {
      remedy:
        'Push the commits that GitHub does not know, then run it again: what is there is not added twice. A release that is recorded differently stays as GitHub has it.',
    },
  );
}
